"""Brings one directory to what a file says: made, or changed in what the file names."""

from typing import Any

from audit.record import Actor
from config.as_code import present
from config.as_code.references import Referred
from identity import directories, directory_kinds, pulls
from identity.errors import Invalid
from identity.models import Directory, Organization, Pull

Before = dict[str, Any] | None
# What a plan says where a reference leads to another secret than before.
_OTHER_SECRETS = "other values behind the same references"


def bring(one: Organization, item: dict[str, Any], *, actor: Actor) -> tuple[Before, dict[str, Any]]:
    """Return the directory before (None if it is made) and after, in the words of the file. Raises Refusal."""
    found = Directory.objects.filter(organization=one, name=item["name"]).first()
    if found is not None and item.get("kind", "scim") != found.kind:
        raise Invalid(
            f"The kind of a directory is never changed: {item['name']} is of kind {found.kind}.", field="kind"
        )
    values = {
        name: value
        for name, value in item.items()
        if name not in {"kind", "credentials", "schedule", "paused"}
    }
    if item.get("kind", "scim") in directories.KINDS:
        return _pushed(one, found, values, actor)
    return _pulled(one, found, item, values, actor)


def is_so(found: Directory, item: dict[str, Any]) -> bool:
    """Tell whether the file says of a directory that pushes nothing but what is so; one that is read is asked for its secrets anew."""
    if item.get("kind", "scim") != found.kind or found.kind not in directories.KINDS:
        return False
    settings = {**found.settings, **item.get("settings", {})}
    return all(getattr(found, name) == value for name, value in {**item, "settings": settings}.items())


def _pushed(
    one: Organization, found: Directory | None, values: dict[str, Any], actor: Actor
) -> tuple[Before, dict[str, Any]]:
    if found is None:
        active = values.pop("active", True)
        found = directories.create(one, actor=actor, **values)
        return None, present.directory(directories.change(found, actor=actor, active=active))
    return present.directory(found), present.directory(_changed(found, values, actor))


def _pulled(
    one: Organization, found: Directory | None, item: dict[str, Any], values: dict[str, Any], actor: Actor
) -> tuple[Before, dict[str, Any]]:
    every = item.get("schedule", {}).get("every_minutes")
    given: dict[str, Referred] | None = item.get("credentials")
    secrets = None if given is None else {name: str(value) for name, value in given.items()}
    references = None if given is None else {name: value.reference for name, value in given.items()}
    directory_kinds.kind_of(item["kind"])
    if found is None:
        active = values.pop("active", True)
        pull = pulls.create(
            one, actor=actor, kind=item["kind"], credentials=secrets, references=references,
            every_minutes=pulls.EVERY_MINUTES_DEFAULT if every is None else every, **values,
        )  # fmt: skip
        directories.change(pull.directory, actor=actor, active=active)
        return None, present.directory(_paused(pull, item, actor).directory)
    before, pull = present.directory(found), pulls.of(found)
    _changed(found, values, actor)
    changed = pulls.change(pull, actor=actor, credentials=secrets, references=references, every_minutes=every)
    after = present.directory(_paused(changed, item, actor).directory)
    if bytes(changed.credentials) != bytes(pull.credentials) and after["credentials"] == before.get(
        "credentials"
    ):
        after["credentials"] = _OTHER_SECRETS
    return before, after


def _changed(found: Directory, values: dict[str, Any], actor: Actor) -> Directory:
    if "settings" in values:
        values["settings"] = {**directories.lock(found).settings, **values["settings"]}
    return directories.change(found, actor=actor, **values)


def _paused(pull: Pull, item: dict[str, Any], actor: Actor) -> Pull:
    """Stop or start the clock if the file says so, and return the pull with its directory as they then are."""
    if "paused" in item:
        (pulls.pause if item["paused"] else pulls.resume)(pull, actor=actor)
    return Pull.objects.select_related("directory").get(pk=pull.pk)
