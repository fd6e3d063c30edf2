"""The members of an organization, one member, and how they come in by hand."""

from typing import Any, Final
from uuid import UUID

from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Lower
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404

from console import edits, member_page, member_search
from console.access import Visit
from console.answers import done, page, refusals_in
from console.forms import EditForm
from console.numbers import Number, together, up_to
from console.paging import PAGE_ROWS, Page, cut, decode, is_uuid, searched
from identity import links, looking, member_row, members, roles, tenancy
from identity.handing_out import refuse_stronger_roles
from identity.models import Directory, Member, Role

STATES: Final = ("active", "suspended", "offboarded")


class ProfileForm(EditForm):
    """What an administrator writes by hand. Where a directory feeds the member, the directory's next update wins."""

    user_name = forms.CharField(
        label="User name", max_length=1024, help_text="Unique in the organization, as jane@example.com."
    )
    display_name = forms.CharField(label="Display name", max_length=500, required=False)
    email = forms.EmailField(label="E-mail", required=False)
    title = forms.CharField(label="Title", max_length=200, required=False)

    def profile(self, before: dict[str, Any]) -> dict[str, Any]:
        """Return the profile with this form's values in the place of the old ones."""
        values = self.cleaned_data
        profile = {
            name: value for name, value in before.items() if name not in {"displayName", "title", "emails"}
        }
        profile |= {
            name: value
            for name, value in (("displayName", values["display_name"]), ("title", values["title"]))
            if value
        }
        others = [
            item
            for item in before.get("emails") or []
            if isinstance(item, dict) and not item.get("primary") and item.get("value") != values["email"]
        ]
        if values["email"]:
            profile["emails"] = [{"value": values["email"], "type": "work", "primary": True}, *others]
        elif others:
            profile["emails"] = others
        return profile


class NewMemberForm(ProfileForm):
    """The same, and the first roles."""

    roles = forms.MultipleChoiceField(label="Roles", required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, choices: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["roles"].choices = choices  # type: ignore[attr-defined]


def find(visit: Visit, member: UUID) -> Member:
    """Return the member of the visit's organization, or answer 404."""
    return get_object_or_404(Member, organization=visit.organization, pk=member)


def index(visit: Visit) -> HttpResponse:
    """List members by display name: search, state, those of a directory, pages by key."""
    query = visit.request.GET
    state = query.get("state", "")
    text = searched(query)
    directory = _directory(visit, query.get("directory", ""))
    everybody = Member.objects.filter(organization=visit.organization)
    if directory is not None:
        everybody = everybody.filter(Exists(links.of_directory(directory).filter(member=OuterRef("pk"))))
    counts = states(visit)
    total = together(number for _, number in counts)
    rows = (
        in_state(everybody, state)
        if state in STATES
        else everybody.exclude(state="offboarded")
        if not text
        else everybody
    )
    best: list[Member] = []
    if (text or directory) and total.more:
        shown = member_search.among_very_many(visit.organization, rows, text, query)
        best = [] if shown.begun or not text else member_search.beginning(visit.organization, rows, text)
    else:
        shown = _page(visit, looking.members_with(rows, text) if text else rows)
    values = {"page": shown, "best": best, "q": text, "state": state, "counts": counts, "total": total}
    return page(visit, "members.html", values | {"directory": directory})


def _directory(visit: Visit, text: str) -> Directory | None:
    """Return the directory of the organization whose people are asked for; None where nobody's are."""
    if not text:
        return None
    rows = Directory.objects.filter(organization=visit.organization)
    found = rows.filter(pk=text).first() if is_uuid(text) else None
    if found is None:
        raise Http404
    return found


def states(visit: Visit) -> list[tuple[str, Number]]:
    """Return how many members are in each state."""
    everybody = Member.objects.filter(organization=visit.organization)
    return [(name, up_to(in_state(everybody, name))) for name in STATES]


def one(visit: Visit, member: UUID) -> HttpResponse:
    """Show one member with all that they hold."""
    return page(visit, "member.html", member_page.read(find(visit, member)))


def create(visit: Visit) -> HttpResponse:
    """Bring a person in by hand."""
    choices = [
        (role.name, role.label or role.name)
        for role in Role.objects.filter(organization=visit.organization).order_by("name")
        if visit.may("member_roles")
    ]
    form = NewMemberForm(visit.posted, choices=choices)
    if form.is_valid():
        with refusals_in(form):
            # Both or neither: a refused role leaves no member behind.
            with tenancy.change(visit.organization):
                found = members.provision(
                    visit.organization,
                    actor=visit.actor,
                    user_name=form.cleaned_data["user_name"],
                    profile=form.profile({}),
                )
                if form.cleaned_data["roles"]:
                    refuse_stronger_roles(visit, visit.organization, form.cleaned_data["roles"])
                    roles.replace(found.member, form.cleaned_data["roles"], actor=visit.actor)
            return done(
                visit, f"{found.member.display_name} is a member now.", "member", member=found.member.pk
            )
    return page(visit, "member_create.html", {"form": form}, status=400 if form.is_bound else 200)


def change_profile(visit: Visit, member: UUID) -> HttpResponse:
    """Change name, address and title."""
    found = edits.current(visit, find(visit, member), member_row.lock)
    initial = {
        "user_name": found.user_name,
        "display_name": found.profile.get("displayName", ""),
        "email": found.email,
        "title": found.profile.get("title", ""),
    }
    form = ProfileForm(visit.posted, initial=initial)
    if form.is_valid():
        with refusals_in(form):
            members.change(
                found,
                actor=visit.actor,
                user_name=form.cleaned_data["user_name"],
                profile=form.profile(found.profile),
                holder=visit,
            )
            return done(visit, "The profile is saved.", "member", member=member)
    values = {
        "form": form,
        "meanwhile": edits.meanwhile(visit, form, found.pk),
        "member": found,
        "fed_by": _directories_of(found),
    }
    return page(visit, "member_profile.html", values, status=400 if form.is_bound else 200)


def _directories_of(member: Member) -> list[str]:
    """Name the directories that feed the member."""
    return list(links.of_member(member).order_by("linked_at").values_list("directory__name", flat=True))


def in_state(everybody: "QuerySet[Member]", state: str) -> "QuerySet[Member]":
    """Return those in the state; of the others than active by their own index, whose condition PostgreSQL wants to read."""
    rows = everybody.filter(state=state)
    return rows if state == Member.State.ACTIVE else rows.exclude(state=Member.State.ACTIVE)


def _page(visit: Visit, rows: "QuerySet[Member]") -> Page:
    key = decode(visit.request.GET.get("after", ""), 2)
    ordered = rows.annotate(name_key=Lower("display_name", output_field=TextField())).order_by(
        "name_key", "pk"
    )
    if key is not None and is_uuid(key[1]):
        ordered = ordered.filter(Q(name_key__gt=key[0]) | Q(name_key=key[0], pk__gt=key[1]))
    found = list(ordered[: PAGE_ROWS + 1])
    return cut(visit.request.GET, found, lambda row: (row.name_key, row.pk), begun=key is not None)
