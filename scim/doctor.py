"""Examines a directory by what it sent: who calls, what they get wrong or are refused, and what to click there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from audit.ids import earliest
from identity import former_names, links, looking, sessions
from identity.models import Directory, Link, Member, Session, Token
from identity.profile import key_of
from scim import advice, bursts
from scim.errors import CATALOGUE, Code
from scim.logged import CLOCKS_APART
from scim.models import LoggedRequest
from scim.profiles import NOTICES, PROFILES, QUIRKS, profile_of

DAYS_DEFAULT: Final = 7
LISTED_MAX: Final = 100
# Of a directory that sends a hundred a second the days hold sixty million.
REQUESTS_MAX: Final = 100_000
SESSIONS_READ_MAX: Final = 2000
SILENT_AFTER: Final = timedelta(days=3)
EXPIRES_SOON: Final = timedelta(days=30)

_CLIENTS: Final = """
SELECT client, user_agent, count(*), max(happened_at) FROM scim_loggedrequest
 WHERE organization_id = %(organization)s AND directory_id = %(directory)s AND id >= %(first)s AND happened_at >= %(since)s
 GROUP BY client, user_agent ORDER BY count(*) DESC LIMIT %(most)s
"""
_REFUSALS: Final = """
SELECT code, count(*), max(happened_at) FROM scim_loggedrequest
 WHERE organization_id = %(organization)s AND directory_id = %(directory)s AND id >= %(first)s AND happened_at >= %(since)s AND code <> ''
 GROUP BY code ORDER BY count(*) DESC
"""
# How many requests show it, and the places where it was seen, the most frequent first.
_WARNINGS: Final = """
WITH seen AS (
  SELECT request.id, request.happened_at, warning->>'code' AS code, warning->>'path' AS path
    FROM scim_loggedrequest request, jsonb_array_elements(request.warnings) AS warning
   WHERE organization_id = %(organization)s AND directory_id = %(directory)s AND id >= %(first)s AND happened_at >= %(since)s
), places AS (
  SELECT code, path, count(*) AS often FROM seen GROUP BY code, path
)
SELECT seen.code, count(DISTINCT seen.id), max(seen.happened_at),
       ARRAY(SELECT places.path FROM places WHERE places.code = seen.code ORDER BY places.often DESC, places.path LIMIT 10)
  FROM seen GROUP BY seen.code ORDER BY count(DISTINCT seen.id) DESC
"""


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who calls with this directory's tokens; `name` is a profile, empty where the traffic doesn't tell."""

    name: str
    label: str
    user_agent: str
    requests: int
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know. `kind`: problem (people are affected), or notice (understood all the same)."""

    kind: str
    code: str
    title: str
    advice: str
    count: int = 1
    last_seen: datetime | None = None
    places: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class NameApart:
    """A member whose SAML NameID is neither the userName nor the externalId of SCIM. `is_email`: it is the e-mail address."""

    member_id: UUID
    user_name: str
    name_id: str
    is_email: bool
    signed_in_at: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """What the doctor found, over so many days. `since`: from when on requests were looked at; `cut`: at the latest REQUESTS_MAX alone."""

    days: int
    since: datetime
    cut: bool
    clients: list[Client]
    findings: list[Finding]
    names_apart: list[NameApart]


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which requests are looked at: from this time and this id on; `cut_at`: when the first of them came, if more came before it."""

    directory: Directory
    since: datetime
    first: UUID
    cut_at: datetime | None


def examine(directory: Directory, *, days: int = DAYS_DEFAULT) -> Report:
    """Examine a directory by its log of the last `days`; the tenancy must be set."""
    asked = _asked(directory, days)
    clients = _clients(asked)
    idp = next((each.name for each in clients if each.name), "") or directory.idp
    apart = names_apart(directory)
    findings = [
        *_connection(directory, clients, idp),
        *_credentials(directory, idp),
        *_refusals(asked, idp),
        *_names(directory, apart, idp),
        *_warnings(asked, idp),
    ]
    return Report(
        days, asked.cut_at or asked.since, asked.cut_at is not None, clients, findings, apart[:LISTED_MAX]
    )


def _asked(directory: Directory, days: int) -> _Asked:
    since = timezone.now() - timedelta(days=days)
    first = earliest(since, apart=-CLOCKS_APART)
    logged = LoggedRequest.objects.filter(organization=directory.organization_id, directory=directory)
    edge = looking.edge(logged.filter(pk__gte=first).order_by("-pk"), REQUESTS_MAX)
    if edge is None:
        return _Asked(directory, since, first, None)
    return _Asked(directory, since, edge, logged.values_list("happened_at", flat=True).get(pk=edge))


def names_apart(directory: Directory) -> list[NameApart]:
    """Return the directory's people who last signed in under a NameID that SCIM does not know them by; the tenancy must be set."""
    signed_in = (
        Session.objects.filter(organization=directory.organization_id, name_id__isnull=False)
        .filter(member__links__directory=directory, member__links__tombstoned_at__isnull=True)
        .select_related("member")
        .order_by("-started_at")[:SESSIONS_READ_MAX]
    )
    latest: dict[UUID, Session] = {}
    for session in signed_in:
        latest.setdefault(session.member_id, session)
    external = dict(
        Link.objects.filter(
            organization=directory.organization_id, directory=directory, member__in=list(latest)
        ).values_list("member_id", "external_id")
    )
    found: dict[Member, NameApart] = {}
    for session in latest.values():
        name_id, member = sessions.name_id_of(session), session.member
        if key_of(name_id) == member.user_name_key or name_id == external.get(member.pk):
            continue
        is_email = key_of(name_id) == member.email_key
        found[member] = NameApart(member.pk, member.user_name, name_id, is_email, session.started_at)
    return _without_renamed(found)


def _without_renamed(found: Mapping[Member, NameApart]) -> list[NameApart]:
    """Return those who did not merely come under the name that the directory had given them until it renamed them."""
    changed = {
        member: apart.signed_in_at
        for member, apart in found.items()
        if member.changed_at > apart.signed_in_at
    }
    formers = former_names.by_directories(changed, "user_name")
    return [
        apart
        for member, apart in found.items()
        if key_of(apart.name_id) not in {key_of(former.text) for former in formers.get(member, ())}
    ]


def _clients(asked: _Asked) -> list[Client]:
    return [
        Client(name, PROFILES[name].label if name in PROFILES else "", agent, count, last_seen)
        for name, agent, count, last_seen in _rows(_CLIENTS, asked)
    ]


def _connection(directory: Directory, clients: list[Client], idp: str) -> list[Finding]:
    if not clients:
        last = LoggedRequest.objects.filter(organization=directory.organization_id, directory=directory)
        if not last.exists():
            return [_problem("never_heard", "Nobody has called with a token of this directory yet.", idp)]
    newest = max((each.last_seen for each in clients), default=None)
    found = []
    if newest is None or timezone.now() - newest > SILENT_AFTER:
        found.append(_problem("silent", "This directory has been silent for days.", idp, last_seen=newest))
    strangers = sorted({each.label for each in clients if each.name and not _alike(each.name, directory.idp)})
    if strangers:
        title = (
            f"{', '.join(strangers)} calls, while this directory is set to {profile_of(directory.idp).label}."
        )
        found.append(_problem("other_client", title, idp))
    return found


def _credentials(directory: Directory, idp: str) -> list[Finding]:
    now = timezone.now()
    mine = {"organization": directory.organization_id, "directory": directory}
    live = Token.objects.filter(**mine, revoked_at__isnull=True, expires_at__gt=now)
    last = live.order_by("-expires_at").first()
    found = []
    if last is not None and last.expires_at is not None and last.expires_at - now < EXPIRES_SOON:
        title = f"The last token of this directory expires on {last.expires_at:%Y-%m-%d}."
        found.append(_problem("token_expires", title, idp))
    held = bursts.held(directory).count()
    if held:
        found.append(
            _problem("burst_held", "More people left at once than the budget allows.", idp, count=held)
        )
    return found


def _refusals(asked: _Asked, idp: str) -> list[Finding]:
    found = []
    for code, count, last_seen in _rows(_REFUSALS, asked):
        if code == Code.NOT_FOUND:
            continue  # a client asks whether somebody is there: no fault
        kind = CATALOGUE.get(Code(code)) if code in set(Code) else None
        title = kind.title if kind else "Rollcall failed to answer."
        found.append(_problem(code, title, idp, count=count, last_seen=last_seen))
    return found


def _warnings(asked: _Asked, idp: str) -> list[Finding]:
    found = []
    for code, count, last_seen, places in _rows(_WARNINGS, asked):
        quirk = QUIRKS.get(code)
        title = f"{quirk.seen} ({quirk.made})" if quirk else NOTICES.get(code, code)
        found.append(Finding("notice", code, title, advice.of(code, idp), count, last_seen, places))
    return found


def _names(directory: Directory, apart: list[NameApart], idp: str) -> list[Finding]:
    found = []
    if apart:
        title = "People sign in by SAML under another name than SCIM gave them."
        last_seen = max(each.signed_in_at for each in apart)
        names = [f"{each.user_name} ≠ {each.name_id}" for each in apart[:10]]
        found.append(
            _problem("name_id_differs", title, idp, count=len(apart), last_seen=last_seen, places=names)
        )
    doubles = _doubles(directory)
    if doubles:
        title = "People are here twice: provisioned, and made by a sign-in under another name."
        found.append(_problem("member_twice", title, idp, count=len(doubles), places=doubles[:10]))
    return found


def _doubles(directory: Directory) -> list[str]:
    """Return the addresses that a person of the directory shares with a member who has no directory and has signed in by SAML."""
    mine = links.of_directory(directory)
    others = Member.objects.filter(
        organization=directory.organization_id, links__isnull=True, sessions__name_id__isnull=False
    ).exclude(email_key="")
    shared = mine.filter(member__email_key__in=others.values("email_key"))
    return sorted(set(shared.values_list("member__email", flat=True)[:LISTED_MAX]))


def _problem(code: str, title: str, idp: str, **more: Any) -> Finding:
    return Finding("problem", code, title, advice.of(code, idp), **more)


def _alike(seen: str, chosen: str) -> bool:
    """Tell whether two profiles are of one product; a generic directory may be called by anybody."""
    return chosen == "generic" or seen.partition("_")[0] == chosen.partition("_")[0]


def _rows(sql: str, asked: _Asked) -> list[tuple[Any, ...]]:
    values: dict[str, Any] = {
        "organization": asked.directory.organization_id,
        "directory": asked.directory.pk,
        "first": asked.first,
        "since": asked.since,
        "most": LISTED_MAX,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()
