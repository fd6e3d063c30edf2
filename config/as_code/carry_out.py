"""Brings organizations to what a file says, through the verbs; and, for a plan, takes it all back after seeing what came of it.

A plan is a real run that is rolled back: it compares what there was before and after, in the words of the file, so it shows exactly
what a run would do, checked by the same verbs.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from audit.record import Actor
from config.as_code import bring_directory, present
from identity import groups, mappings, organizations, resources, roles, tenancy
from identity.errors import Invalid, Refusal
from identity.grants import GrantSpec
from identity.mappings import Mapping
from identity.models import Directory, Group, Kind, Organization, Role
from identity.profile import key_of
from saml import connections
from saml.models import Connection


@dataclass(frozen=True, slots=True)
class Change:
    """What is different: `where` as acme/directories/Okta, `act` create or change, `changes` {field: [old, new]}."""

    where: str
    act: str
    changes: dict[str, list[Any]]


def run(document: dict[str, Any], *, actor: Actor, keep: bool) -> list[Change]:
    """Bring everything to what the document says, all or nothing, and return what that changed; unless `keep`, take it back.

    Raises Refusal, its field being the place in the file.
    """
    changes: list[Change] = []
    with transaction.atomic():
        for index, wanted in enumerate(document["organizations"]):
            try:
                changes += _Bringing(actor).organization(wanted)
            except Refusal as refusal:
                refusal.field = f"organizations[{index}] {wanted['slug']}: {refusal.field}".rstrip(": ")
                raise
        if not keep:
            transaction.set_rollback(True)
    return changes


class _Bringing:
    """One organization on its way to what the file says."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.changes: list[Change] = []

    def organization(self, wanted: dict[str, Any]) -> list[Change]:
        slug = wanted["slug"]
        with tenancy.everywhere("an operator's file names an organization"):
            found = Organization.objects.filter(slug=slug).first()
        one = found or self._create(wanted)
        before = self._itself(one) if found else None
        if before and wanted.get("access_model", before["access_model"]) != before["access_model"]:
            raise Invalid("The access model of an organization is never changed.", field="access_model")
        values = {name: wanted[name] for name in present.plain(one) if name in wanted}
        # What the organization's defaults name must be there first.
        late = {"defaults": values.pop("defaults")} if "defaults" in values else {}
        organizations.change(one, actor=self.actor, **values)
        self._each(one, enumerate(wanted.get("kinds", [])), "kinds", self._kind)
        self._each(one, enumerate(wanted.get("roles", [])), "roles", self._role)
        self._directories(one, wanted.get("directories", []))
        self._each(one, enumerate(wanted.get("connections", [])), "connections", self._connection)
        self._mappings(one, wanted.get("mappings", []))
        organizations.change(one, actor=self.actor, **late)
        if wanted.get("state") == Organization.State.SUSPENDED:
            organizations.suspend(one, actor=self.actor, reason="configuration")
        elif wanted.get("state") == Organization.State.ACTIVE:
            organizations.resume(one, actor=self.actor, reason="configuration")
        self._note(slug, before, self._itself(one))
        return self.changes

    def _itself(self, one: Organization) -> dict[str, Any]:
        with tenancy.of(one):
            return present.itself(Organization.objects.get(pk=one.pk))

    def _create(self, wanted: dict[str, Any]) -> Organization:
        for needed in ("name", "access_model"):
            if needed not in wanted:
                raise Invalid(f"A new organization needs {needed}.", field=needed)
        return organizations.create(
            name=wanted["name"], slug=wanted["slug"], access_model=wanted["access_model"], actor=self.actor
        )

    def _each(
        self,
        one: Organization,
        items: Iterable[tuple[int, dict[str, Any]]],
        section: str,
        bring: Callable[[Organization, dict[str, Any]], tuple[dict[str, Any] | None, dict[str, Any]]],
    ) -> None:
        """Bring each of a section's items, with its place in there, to what it should be, and note what that changed."""
        for index, item in items:
            try:
                with tenancy.change(one):
                    before, after = bring(one, item)
            except Refusal as refusal:
                refusal.field = f"{section}[{index}].{refusal.field}".rstrip(".")
                raise
            self._note(f"{one.slug}/{section}/{item.get('name') or item['group']}", before, after)

    def _kind(self, one: Organization, item: dict[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any]]:
        found = Kind.objects.filter(organization=one, name=item["name"]).select_related("parent").first()
        if found is None:
            made = resources.define_kind(
                one,
                item["name"],
                permissions=item["permissions"],
                parent=item.get("parent"),
                actor=self.actor,
            )
            return None, present.kind(made)
        return _unchangeable(present.kind(found), {"parent": None} | item)

    def _role(self, one: Organization, item: dict[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any]]:
        found = Role.objects.filter(organization=one, name=item["name"]).first()
        if found is None:
            values = {name: value for name, value in item.items() if name != "name"}
            return None, present.role(roles.define(one, item["name"], actor=self.actor, **values))
        return _unchangeable(present.role(found), item)

    def _directories(self, one: Organization, items: list[dict[str, Any]]) -> None:
        """Bring the directories: all are read once, and those that are so already are passed over, however many they are."""
        with tenancy.of(one):
            named = [item["name"] for item in items]
            known = {row.name: row for row in Directory.objects.filter(organization=one, name__among=named)}

        def differs(item: dict[str, Any]) -> bool:
            found = known.get(item["name"])
            return found is None or not bring_directory.is_so(found, item)

        def bring(one: Organization, item: dict[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any]]:
            # It may stand in the file twice.
            known.pop(item["name"], None)
            return bring_directory.bring(one, item, actor=self.actor)

        self._each(one, (each for each in enumerate(items) if differs(each[1])), "directories", bring)

    def _connection(
        self, one: Organization, item: dict[str, Any]
    ) -> tuple[dict[str, Any] | None, dict[str, Any]]:
        found = Connection.objects.filter(organization=one, name=item["name"]).first()
        if found is None:
            return None, present.connection(connections.create(one, actor=self.actor, **item))
        before = present.connection(found)
        # What is so already is not said again: an address that was loaded is not loaded anew.
        values = {name: value for name, value in item.items() if before.get(name, ...) != value}
        if item.get("active") and not found.active and "activate_untested" in item:
            values["activate_untested"] = item["activate_untested"]
        elif "active" not in values:
            values.pop("activate_untested", None)
        return before, present.connection(connections.change(found, actor=self.actor, **values))

    def _mappings(self, one: Organization, items: list[dict[str, Any]]) -> None:
        """Bring what groups bring: all is read once, and what is so already is passed over, however much it is."""
        with tenancy.of(one):
            brought = mappings.of_organization(one.pk) if items else {}
            keys = {key_of(item["group"]) for item in items}
            rows = Group.objects.filter(
                organization=one, ended_at__isnull=True, display_name_key__among=list(keys)
            )
            named = {
                (group.display_name_key, group.directory and group.directory.name): group
                for group in rows.select_related("directory").order_by("-pk")
            }

        def group_of(item: dict[str, Any]) -> Group | None:
            return named.get((key_of(item["group"]), item.get("directory") or None))

        def differs(item: dict[str, Any]) -> bool:
            group, wanted = group_of(item), _wanted(item)
            had = brought.get(group.pk, Mapping()) if group else None
            return had is None or (set(had.grants), set(had.roles)) != (set(wanted.grants), set(wanted.roles))

        def bring(one: Organization, item: dict[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any]]:
            found = group_of(item)
            if found is None and item.get("directory"):
                raise Invalid(f"{item['directory']} has brought no group {item['group']} yet.", field="group")
            before = present.mapping(found, brought.get(found.pk, Mapping())) if found else None
            group = found or groups.create(one, actor=self.actor, display_name=item["group"])
            mappings.replace(group, _wanted(item), actor=self.actor)
            named[key_of(item["group"]), item.get("directory") or None] = group
            brought[group.pk] = mappings.of_group(group)
            return before, present.mapping(group, brought[group.pk])

        # Looked at one after the other: a group may stand in the file twice.
        self._each(one, (each for each in enumerate(items) if differs(each[1])), "mappings", bring)

    def _note(self, where: str, before: dict[str, Any] | None, after: dict[str, Any]) -> None:
        if before is None:
            self.changes.append(
                Change(where, "create", {name: [None, value] for name, value in after.items()})
            )
            return
        changes = {
            name: [before.get(name), value] for name, value in after.items() if before.get(name) != value
        }
        if changes:
            self.changes.append(Change(where, "change", changes))


def _wanted(item: dict[str, Any]) -> Mapping:
    specs = tuple(GrantSpec(row["kind"], row["id"], row["permission"]) for row in item.get("grants", []))
    return Mapping(specs, tuple(item.get("roles", [])))


def _unchangeable(before: dict[str, Any], wanted: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let a thing that nobody can change pass where the file says the same. Raises Invalid."""
    for name, value in wanted.items():
        if before[name] != value:
            raise Invalid(
                f"{before['name']} is there with another {name}, and is not changed by a file.", field=name
            )
    return before, before
