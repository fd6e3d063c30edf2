"""SAML connections: the identity provider's values, ours, and the switch."""

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from console import edits, reading
from console.access import Visit
from console.answers import done, page, refusals_in
from console.forms.connection import MODES, SIGNED, ConnectionForm, mode_of
from identity.errors import Refusal
from identity.handing_out import refuse_stronger_roles
from identity.outside import Outcome, Outside
from saml import connections, expiry, fetches, ours, policy, renewal, stolen_keys, tested, trial, trust
from saml.examine import Findings, examine
from saml.models import Attempt, Connection
from saml.presets import preset


def index(visit: Visit) -> HttpResponse:
    """List the connections."""
    rows = Connection.objects.filter(organization=visit.organization).order_by("name")
    return page(
        visit, "connections.html", {"connections": [(row, preset(row.idp_preset).label) for row in rows]}
    )


def one(visit: Visit, connection: UUID) -> HttpResponse:
    """Show one connection: what to copy there, what was copied here, the last sign-ins."""
    found = find(visit, connection)
    product = preset(found.idp_preset)
    values: dict[str, Any] = {
        "connection": found,
        "product": product,
        "ours": ours.values(found),
        "certificates": trust.current(found),
        "key_pairs": trust.key_pairs(found),
        "signed": dict(SIGNED)[found.signed],
        "first": dict(MODES)[mode_of(found.defaults)],
        "attempts": list(
            Attempt.objects.filter(organization=visit.organization, connection=found).order_by(
                "-started_at", "-id"
            )[:8]
        ),
        "missing": missing(found),
        "known": renewal.progress(found).linked,
        "tested": tested.counts(found),
        "now": timezone.now(),
        "soon": timezone.now() + expiry.SOON,
        "test_path": test_path(visit, found),
        "history": reading.of_subject(visit.organization.pk, str(found.pk), 5) if visit.may("record") else [],
    }
    return page(visit, "connection.html", values)


def create(visit: Visit) -> HttpResponse | Outside[Any]:
    """Add a connection, switched off."""
    form = ConnectionForm(visit.posted, _files(visit), organization=visit.organization)
    if asks_to_verify(visit):
        return _verified(visit, form)

    def make(values: dict[str, Any]) -> HttpResponse:
        made = connections.create(visit.organization, actor=visit.actor, **values)
        said = f"{made.name} is there, switched off. Copy its values to the identity provider."
        return done(visit, said, "connection", connection=made.pk)

    return _saved(visit, form, make)


def change(visit: Visit, connection: UUID) -> HttpResponse | Outside[Any]:
    """Change a connection."""
    found = find(visit, connection)
    form = ConnectionForm(visit.posted, _files(visit), organization=visit.organization, connection=found)
    if asks_to_verify(visit):
        return _verified(visit, form, found)

    def make(values: dict[str, Any]) -> HttpResponse:
        # The version that the form was compared with: the lock of that transaction is over when the metadata has been loaded.
        connections.change(found, actor=visit.actor, expected_version=found.version, **values)
        return done(visit, "The connection is saved.", "connection", connection=connection)

    return _saved(visit, form, make, found)


def _saved(
    visit: Visit,
    form: ConnectionForm,
    make: Callable[[dict[str, Any]], HttpResponse],
    connection: Connection | None = None,
) -> HttpResponse | Outside[Any]:
    """Save what the form says, its metadata loaded first, or show the form with what is wrong."""
    values: dict[str, Any] = {"form": form, "multipart": True}
    if connection is not None:
        values["connection"] = connection
    if not form.is_valid():
        if connection is not None:
            values["meanwhile"] = edits.meanwhile(visit, form, connection.pk)
        return page(visit, "connection_form.html", values, status=400 if form.is_bound else 200)

    def save(outcome: Outcome[dict[str, Any]]) -> HttpResponse:
        with refusals_in(form):
            return make(outcome())
        return page(visit, "connection_form.html", values, status=400)

    with refusals_in(form):
        wanted = _values(visit, form)
        return Outside(lambda: policy.loaded(wanted, _loader(visit)), save)
    return page(visit, "connection_form.html", values, status=400)


def _files(visit: Visit) -> Any:
    """Return the uploaded files, or None if the page is only looked at: Django takes a form for sent as soon as it is given any files."""
    return visit.request.FILES if visit.posted is not None else None


def asks_to_verify(visit: Visit) -> bool:
    """Tell whether the form was sent to be looked at, and not to be saved."""
    return visit.request.POST.get("act") == "verify"


def _verified(visit: Visit, form: ConnectionForm, connection: Connection | None = None) -> Outside[Findings]:
    """Show the form again with what its values hold; nothing is saved. A browser forgets a file, so its text stays in the form."""
    form.full_clean()
    examined = form.examined()
    again = visit.request.POST.copy()
    again["idp_metadata_xml"] = examined["idp_metadata_xml"]
    form.data = again

    def shown(outcome: Outcome[Findings]) -> HttpResponse:
        values = {"form": form, "connection": connection, "findings": outcome(), "multipart": True}
        return page(visit, "connection_form.html", values)

    return Outside(lambda: examine(examined, _loader(visit)), shown)


def _loader(visit: Visit) -> Callable[[str], bytes]:
    """Return what has a worker load an address for this person."""
    return partial(fetches.document, visit.organization.pk, actor=visit.actor)


def switch(visit: Visit, connection: UUID) -> HttpResponse:
    """Switch a connection on or off."""
    found = find(visit, connection)
    active = visit.request.POST.get("active") == "yes"
    untested = {"activate_untested": True} if active and visit.request.POST.get("untested") == "yes" else {}
    try:
        connections.change(found, actor=visit.actor, active=active, **untested)
    except Refusal as refusal:
        return page(visit, "connection_refused.html", {"connection": found, "refusal": refusal}, status=400)
    said = (
        "on: people can sign in through it"
        if active
        else "off: nobody signs in through it; open sessions go on"
    )
    return done(visit, f"{found.name} is switched {said}.", "connection", connection=connection)


def end_sessions(visit: Visit, connection: UUID) -> HttpResponse:
    """End every session that came through the connection."""
    found = find(visit, connection)
    ended = stolen_keys.end_sessions(found, actor=visit.actor)
    return done(
        visit,
        f"{ended} sessions that came through {found.name} have ended.",
        "connection",
        connection=connection,
    )


def find(visit: Visit, connection: UUID) -> Connection:
    """Return the connection of the visit's organization, or answer 404."""
    return get_object_or_404(Connection, organization=visit.organization, pk=connection)


def _values(visit: Visit, form: ConnectionForm) -> dict[str, Any]:
    """Return what the form says; nobody hands out roles by way of defaults that they could not give themselves."""
    values = form.values()
    refuse_stronger_roles(visit, visit.organization, (values["defaults"] or {}).get("roles", ()))
    return values


def test_path(visit: Visit, connection: Connection) -> str:
    """Return the link of a test sign-in in this visitor's name, good for a quarter of an hour; empty where it cannot begin."""
    if not visit.may("connection_switch") or not connection.sso_url:
        return ""
    query = urlencode({"test": trial.ticket(connection, visit.actor)})
    return f"{reverse('saml-login', args=[connection.pk])}?{query}"


def missing(connection: Connection) -> list[str]:
    """Return what still has to be done before the connection can be switched on."""
    return [
        sentence
        for absent, sentence in (
            (
                not connection.idp_entity_id or not connection.sso_url,
                "Load the identity provider's metadata.",
            ),
            (not trust.signing(connection), "Add the identity provider's signing certificate."),
            (
                connection.defaults is None,
                "Choose the first permissions of new people; “nothing” is a choice.",
            ),
        )
        if absent
    ]
