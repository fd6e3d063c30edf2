"""Which attribute means what: chosen from the attributes that the last test sign-in brought."""

import json
from typing import Any, Final
from uuid import UUID

from django import forms
from django.http import HttpResponse

from console import edits
from console.access import Visit
from console.answers import done, page, refusals_in
from console.connections import find
from console.forms import EditForm
from identity.models import Kind
from saml import attempt_details, connections
from saml.attributes import KNOWN_NAMES, NAME_ID, PERMISSIONS, read_person
from saml.models import Attempt, Connection
from saml.presets import preset
from saml.refusals import Refused

_LABELS: Final = {
    "email": "E-mail", "user_name": "User name", "full_name": "Full name", "first_name": "First name",
    "last_name": "Last name", "roles": "Roles", "groups": "Groups", "companies": "Companies", "shops": "Shops",
    "shop_countries": "Shop countries",
}  # fmt: skip
_SAMPLE_CHARACTERS_MAX: Final = 60


class MappingForm(EditForm):
    """For each field the attribute that it is read from. A choice is a list of names as JSON; none is "by its usual names"."""

    def __init__(
        self, *args: Any, fields: dict[str, str], choices: dict[str, list[tuple[str, str]]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        for name, label in fields.items():
            field = forms.ChoiceField(label=label, required=False, choices=choices[name])
            field.widget.attrs["class"] = "form-select"
            self.fields[name] = field

    def mapping(self) -> dict[str, list[str]]:
        """Return what was chosen as a connection's mapping."""
        return {name: json.loads(chosen) for name, chosen in self.cleaned_data.items() if chosen}


def edit(visit: Visit, connection: UUID) -> HttpResponse:
    """Show what the last test brought and how it is read now, and change the mapping."""
    found = edits.current(visit, find(visit, connection), connections.lock)
    attempt = _last_test(found)
    received = attempt_details.attributes_of(attempt) if attempt else {}
    fields = _fields(visit)
    form = MappingForm(
        visit.posted,
        fields=fields,
        choices={name: _choices(found, name, received, attempt) for name in fields},
        initial={name: json.dumps(names) for name, names in found.attribute_mapping.items()},
    )
    if form.is_valid():
        unshown = {name: names for name, names in found.attribute_mapping.items() if name not in fields}
        with refusals_in(form):
            connections.change(found, actor=visit.actor, attribute_mapping=unshown | form.mapping())
            said = "The mapping is saved. Do a test sign-in to see what it reads."
            return done(visit, said, "connection", connection=connection)
    values = {
        "connection": found,
        "form": form,
        "meanwhile": edits.meanwhile(visit, form, found.pk),
        "attempt": attempt,
        "received": sorted(received.items()),
        "reads": _reads(found, received, attempt),
    }
    return page(visit, "connection_mapping.html", values, status=400 if form.is_bound else 200)


def _last_test(connection: Connection) -> Attempt | None:
    rows = Attempt.objects.filter(organization=connection.organization_id, connection=connection)
    kept = rows.filter(purpose=Attempt.Purpose.TEST, attributes_sealed__isnull=False)
    return kept.order_by("-started_at", "-id").first()


def _fields(visit: Visit) -> dict[str, str]:
    """Return the fields that this organization can use: the person's, and the permissions on each kind of resource."""
    kinds = (
        Kind.objects.filter(organization=visit.organization).order_by("name").values_list("name", flat=True)
    )
    lists = {"companies": "company", "shops": "shop", "shop_countries": "shop_country"}
    there = set(kinds)
    plain = {name: _LABELS[name] for name in KNOWN_NAMES if lists.get(name) is None or lists[name] in there}
    return plain | {f"{PERMISSIONS}{kind}": f"Permissions on {kind.replace('_', ' ')}" for kind in kinds}


def _choices(
    connection: Connection, name: str, received: dict[str, list[str]], attempt: Attempt | None
) -> list[tuple[str, str]]:
    options = [("", "By its usual names")]
    name_id = attempt_details.name_id_of(attempt) if attempt else None
    options.append((json.dumps([NAME_ID]), f"NameID{_sample([name_id.value] if name_id else [])}"))
    options += [(json.dumps([raw]), f"{raw}{_sample(values)}") for raw, values in sorted(received.items())]
    chosen = connection.attribute_mapping.get(name)
    if chosen and json.dumps(chosen) not in {value for value, _ in options}:
        options.append((json.dumps(chosen), f"{', '.join(chosen)} (as now; not in the last test)"))
    return options


def _sample(values: list[str]) -> str:
    return f" — {', '.join(values)[:_SAMPLE_CHARACTERS_MAX]}" if values else ""


def _reads(
    connection: Connection, received: dict[str, list[str]], attempt: Attempt | None
) -> list[tuple[str, str]]:
    """Return (what, value) of the person whom the last test brought, as the saved mapping reads them."""
    name_id = attempt_details.name_id_of(attempt) if attempt else None
    if name_id is None:
        return []
    try:
        person = read_person(
            received,
            name_id.value,
            name_id.format,
            connection.attribute_mapping,
            preset(connection.idp_preset).mapping,
        )
    except Refused as refused:
        return [("Refused", refused.advice.means)]
    grants = [f"{grant.kind} {grant.key} {grant.permission}" for grant in person.grants or ()]
    told = {
        "E-mail": person.email,
        "User name": person.user_name,
        "Name": person.profile.get("displayName", ""),
        "Roles": ", ".join(person.roles or ()),
        "Groups": ", ".join(person.groups or ()),
        "Access": ", ".join(grants),
    }
    return [(what, text) for what, text in told.items() if text]
