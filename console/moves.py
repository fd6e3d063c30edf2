"""Moving people of a directory to another one: who is meant and what will happen, and then doing it."""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from django import forms
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404

from console import directories
from console.access import Visit
from console.answers import done, page, refuse
from console.forms.listed import ListForm
from console.paging import is_uuid
from identity import directories as verbs
from identity import move_names, moves
from identity.errors import Refusal
from identity.models import Directory, Link, Member
from identity.move_names import Named
from identity.move_plan import PEOPLE_MAX, Groups, Moves, Wanted

_SHOWN_MAX: Final = 200
_EVERYBODY, _SOME = "everybody", "some"
_GROUPS: Final = (
    (Groups.KEEP.value, "They stay in the groups of this directory"),
    (Groups.LEAVE.value, "They leave the groups of this directory"),
    (Groups.MOVE.value, "The groups move with them, where everybody moves"),
)


class MoveForm(ListForm):
    """Where to, who, and what becomes of ids and groups."""

    to = forms.ChoiceField(label="Move to")
    who = forms.ChoiceField(
        label="Who", choices=((_EVERYBODY, "Everybody of this directory"), (_SOME, "Only these people")),
        widget=forms.RadioSelect, initial=_EVERYBODY,
    )  # fmt: skip
    external_id = forms.CharField(
        label="Their id there", required=False, max_length=1024,
        help_text="For one person, where you know it. Else the other directory meets them by user name or address.",
    )  # fmt: skip
    same_ids = forms.BooleanField(label="Both directories have the same ids for people", required=False)
    groups = forms.ChoiceField(
        label="Groups", choices=_GROUPS, widget=forms.RadioSelect, initial=Groups.KEEP.value
    )
    most = PEOPLE_MAX

    def __init__(self, *args: Any, source: Directory, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = Directory.objects.filter(organization=source.organization_id).exclude(pk=source.pk)
        choices = [(str(pk), name) for pk, name in others.order_by("name").values_list("pk", "name")]
        self.fields["to"].choices = choices  # type: ignore[attr-defined]  # a choice field's own

    def clean(self) -> dict[str, Any]:
        """Read the names where a list is asked for."""
        values: dict[str, Any] = self.cleaned_data
        if values.get("who") == _EVERYBODY:
            values["names"] = []
            return values
        values = super().clean()
        if values.get("external_id") and len(values.get("names", ())) > 1:
            self.add_error("external_id", "This is for one person; for several, use the API.")
        return values


def move(visit: Visit, directory: UUID) -> HttpResponse:
    """Take who and where to, show what would happen, and with `step` done do it."""
    source = directories.find(visit, directory)
    form = MoveForm(visit.posted, visit.request.FILES or None, source=source, initial=_initial(visit))
    if not form.is_valid():
        return _page(visit, source, form)
    values = form.cleaned_data
    target = directories.find(visit, UUID(values["to"]))
    named = move_names.find(source, values["names"])
    try:
        if visit.request.POST.get("step") == "move":
            wanted = _wanted(values, _chosen(visit.request.POST))
            found = moves.move(source, target, wanted, actor=visit.actor, holder=visit)
            return _done(visit, source, target, found)
        wanted = _wanted(values, named.members)
        found = moves.preview(source, target, wanted, holder=visit)
    except Refusal as refusal:
        refuse(form, refusal)
        return _page(visit, source, form)
    return _preview(visit, source, target, form, found, named)


def _initial(visit: Visit) -> dict[str, Any]:
    """Begin with one person, where the page is opened from theirs; with a directory, where a run of it tells of them."""
    asked = visit.request.GET
    begun: dict[str, Any] = {"to": asked.get("to", "")}
    if is_uuid(asked.get("member", "")):
        found = get_object_or_404(Member, organization=visit.organization, pk=asked["member"])
        begun |= {"who": _SOME, "text": found.user_name}
    return begun


def _chosen(posted: QueryDict) -> list[UUID]:
    return [UUID(value) for value in posted.getlist("member")[: PEOPLE_MAX + 1] if is_uuid(value)]


def _wanted(values: dict[str, Any], members: list[UUID]) -> Wanted:
    everybody = values["who"] == _EVERYBODY
    given = None if everybody else dict.fromkeys(members, values["external_id"] or None)
    return Wanted(given, same_ids=values["same_ids"], groups=Groups(values["groups"]))


def _page(visit: Visit, source: Directory, form: MoveForm) -> HttpResponse:
    awaited = moves.awaited(source, limit=_SHOWN_MAX + 1)
    values: dict[str, Any] = {
        "directory": source,
        "pulled": source.kind not in verbs.KINDS,
        "here": "directory_move",
        "form": form,
        "multipart": True,
        "most": PEOPLE_MAX,
        "awaited": awaited[:_SHOWN_MAX],
        "more_awaited": len(awaited) > _SHOWN_MAX,
    }
    return page(visit, "move.html", values, status=400 if form.errors else 200)


def _preview(
    visit: Visit, source: Directory, target: Directory, form: MoveForm, found: Moves, named: Named
) -> HttpResponse:
    values: dict[str, Any] = {
        "directory": source,
        "target": target,
        "form": form,
        "kept": {
            name: form.data.get(name, "") for name in ("to", "who", "external_id", "same_ids", "groups")
        },
        "everybody": form.cleaned_data["who"] == _EVERYBODY,
        "moves": found,
        "shown": found.people[:_SHOWN_MAX],
        "hidden": max(0, len(found.people) - _SHOWN_MAX),
        "named": named,
    }
    return page(visit, "move_preview.html", values)


def _done(visit: Visit, source: Directory, target: Directory, found: Moves) -> HttpResponse:
    people = "1 person is" if len(found.people) == 1 else f"{len(found.people)} people are"
    said = f"{people} moved to {target.name}."
    if found.groups:
        said += f" {len(found.groups)} group{'' if len(found.groups) == 1 else 's'} moved too."
    if found.problems:
        said += f" {len(found.problems)} could not be moved."
    if found.next is not None:
        said += " There are more: go on."
        return done(visit, said, "directory_move", directory=source.pk)
    return done(visit, said, "directory_move", directory=target.pk)


def owners(directory: Directory, members: Iterable[UUID | None]) -> list[Link]:
    """Return the links of these members to other directories, which could be moved to this one; the tenancy must be set."""
    rows = Link.objects.filter(
        organization=directory.organization_id, member__in=[one for one in members if one], tombstoned_at__isnull=True
    )  # fmt: skip
    return list(rows.exclude(directory=directory).select_related("directory"))
