"""The batch forms of the verbs on members: for directory sync, where thousands arrive, change or leave in one run.

One call is one transaction with a few statements, and one entry for each thing that changed, as the single verbs leave them
(identity.members, identity.exits). A refusal is of the whole batch: nothing of it is left.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone
from psycopg.types.json import Jsonb

from audit.events import Event
from audit.ids import uuid7
from audit.record import Actor, Line, record_all
from identity import arrivals, exits, first_defaults, links, member_row, tenancy
from identity.arrivals import Newcomer
from identity.models import ActivePeriod, Directory, Member, Organization

_CHANGE = """
UPDATE identity_member member
   SET user_name = row.user_name, user_name_key = row.user_name_key, profile = row.profile, email = row.email, email_key = row.email_key,
       email_claim = row.email_claim, display_name = row.display_name, version = row.version, changed_at = row.changed_at
  FROM unnest(%(id)s::uuid[], %(user_name)s::text[], %(user_name_key)s::text[], %(profile)s::jsonb[], %(email)s::text[],
              %(email_key)s::text[], %(email_claim)s::text[], %(display_name)s::text[], %(version)s::bigint[],
              %(changed_at)s::timestamptz[])
    AS row (id, user_name, user_name_key, profile, email, email_key, email_claim, display_name, version, changed_at)
 WHERE member.organization_id = %(organization)s AND member.id = row.id
"""
# PostgreSQL compares row by row: of two who exchange their names each would find the other's taken.
_LET_GO = """
UPDATE identity_member SET user_name_key = id::text, email_claim = NULL WHERE organization_id = %(organization)s AND id = ANY (%(ids)s)
"""
_REACTIVATE = """
UPDATE identity_member SET state = 'active', state_reason = '', version = version + 1, changed_at = %(now)s, suspended_at = NULL,
       offboarded_at = NULL
 WHERE organization_id = %(organization)s AND id = ANY (%(ids)s)
"""
_COLUMNS = (
    "id", "user_name", "user_name_key", "email", "email_key", "email_claim", "display_name", "version", "changed_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody to be created."""

    user_name: str
    profile: Mapping[str, Any]
    external_id: str | None
    active: bool = True


@dataclass(frozen=True, slots=True)
class Prepared:
    """Arrivals of an organization, worked out: good for as long as it wants addresses to be unique, or not."""

    email_unique: bool
    ready: arrivals.Ready


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of a member: another user name (None: the same), attributes put, and before that attributes dropped.

    `version` is the member's that the caller has seen; somebody of another one is left alone.
    """

    member_id: UUID
    version: int
    user_name: str | None = None
    put: Mapping[str, Any] = field(default_factory=dict)
    drop: Sequence[str] = ()


def create(
    organization: Organization,
    arrivals_: Sequence[Arrival],
    *,
    actor: Actor,
    directory: Directory,
    prepared: Prepared | None = None,
) -> list[Member]:
    """Create members with their links and first permissions; the caller knows that they are newcomers (identity.matching).

    `prepared` is what was made of the same arrivals beforehand. Raises Invalid, UserNameTaken, EmailTaken, ExternalIdTaken: then nobody
    is created.
    """
    with tenancy.change(organization):
        organization = Organization.objects.get(pk=organization.pk)
        if prepared is None or prepared.email_unique != organization.email_unique:
            prepared = prepare(organization, arrivals_, actor=actor, directory=directory)
        arrivals.write(prepared.ready)
        created = [newcomer.member for newcomer in prepared.ready.newcomers]
        first_defaults.give_directory_all(
            created, source=directory.defaults, fallback=organization.defaults, actor=actor
        )
    return created


def prepare(
    organization: Organization, arrivals_: Sequence[Arrival], *, actor: Actor, directory: Directory
) -> Prepared:
    """Work out what `create` writes, without a look at the database: a thread can do it while another batch is being written.

    Raises Invalid.
    """
    now = timezone.now()
    lines: list[Line] = []
    made: list[Newcomer] = []
    for arrival in arrivals_:
        member = member_row.made(organization, now, active=arrival.active)
        changes = member_row.assign(
            member, arrival.user_name, arrival.profile, email_unique=organization.email_unique
        )
        changes |= {"external_id": [None, arrival.external_id], "state": [None, member.state]}
        made.append(Newcomer(member, arrival.external_id))
        lines.append(_line(Event.MEMBER_CREATE, member, actor, changes, {"directory": str(directory.pk)}))
    ready = arrivals.work_out(organization.pk, made, lines, directory=directory, origin="directory_default")
    return Prepared(organization.email_unique, ready)


def change(organization: Organization, changes: Sequence[Change], *, actor: Actor) -> dict[UUID, int]:
    """Change members and return {member id: version} of those who are now as asked; others had changed since, or are offboarded.

    Nothing different: nothing is written. Raises Invalid, UserNameTaken, EmailTaken: then nobody is changed.
    """
    wanted = {change_.member_id: change_ for change_ in changes}
    with tenancy.change(organization):
        email_unique = Organization.objects.values_list("email_unique", flat=True).get(pk=organization.pk)
        now = timezone.now()
        settled: dict[UUID, int] = {}
        different: list[Member] = []
        had: dict[UUID, tuple[str, str | None]] = {}
        lines: list[Line] = []
        for member in locked(organization, wanted):
            asked = wanted[member.pk]
            if member.version != asked.version or member.state == Member.State.OFFBOARDED:
                continue
            kept = {name: value for name, value in member.profile.items() if name not in asked.drop}
            had[member.pk] = (member.user_name_key, member.email_claim)
            changed = member_row.assign(
                member, asked.user_name, {**kept, **asked.put}, email_unique=email_unique
            )
            if changed:
                member.version += 1
                member.changed_at = now
                different.append(member)
                lines.append(_line(Event.MEMBER_CHANGE, member, actor, changed))
            settled[member.pk] = member.version
        if different:
            columns: dict[str, Any] = {name: [getattr(row, name) for row in different] for name in _COLUMNS}
            columns["profile"] = [Jsonb(row.profile) for row in different]
            with connection.cursor() as cursor:
                letting_go = _letting_go(different, had)
                if letting_go:
                    cursor.execute(_LET_GO, {"organization": organization.pk, "ids": letting_go})
                cursor.execute(_CHANGE, columns | {"organization": organization.pk})
            record_all(lines)
    return settled


def suspend(
    organization: Organization, versions: Mapping[UUID, int], *, actor: Actor, reason: str
) -> list[Member]:
    """Shut out the members given by id with the version that the caller has seen; returns those who were active and of it.

    They come back as they then are.
    """
    with tenancy.change(organization):
        gone = [
            member
            for member in locked(organization, versions)
            if member.state == Member.State.ACTIVE and member.version == versions[member.pk]
        ]
        leaving = exits.Leaving(actor=actor, reason=reason)
        for member in gone:
            leaving.add(member)
        leaving.write()
    return gone


def reactivate(
    organization: Organization, versions: Mapping[UUID, int], *, actor: Actor, reason: str
) -> list[Member]:
    """Let in again the suspended members given by id with the version that the caller has seen; returns those who were of it."""
    with tenancy.change(organization):
        back = [
            member
            for member in locked(organization, versions)
            if member.state == Member.State.SUSPENDED and member.version == versions[member.pk]
        ]
        if not back:
            return []
        now = timezone.now()
        links.count_many()
        with connection.cursor() as cursor:
            cursor.execute(
                _REACTIVATE,
                {"organization": organization.pk, "ids": [member.pk for member in back], "now": now},
            )
        ActivePeriod.objects.bulk_create(
            ActivePeriod(id=uuid7(), organization_id=organization.pk, member=member, started_at=now)
            for member in back
        )
        for member in back:
            member.state, member.state_reason, member.suspended_at = Member.State.ACTIVE, "", None
            member.version += 1
        record_all(
            _line(
                Event.MEMBER_REACTIVATE, member, actor,
                {"state": [Member.State.SUSPENDED.value, Member.State.ACTIVE.value]}, {"reason": reason},
            )
            for member in back
        )  # fmt: skip
    return back


def locked(organization: Organization | UUID, member_ids: Iterable[UUID]) -> list[Member]:
    """Lock the members in the order of their ids, so that two batches never wait for each other."""
    return list(
        Member.objects.select_for_update(no_key=True)
        .filter(organization=organization, pk__in=list(member_ids))
        .order_by("pk")
    )


def _letting_go(different: Sequence[Member], had: Mapping[UUID, tuple[str, str | None]]) -> list[UUID]:
    """Return those whose former name or address somebody else of them is to get."""
    names = {member.user_name_key: member.pk for member in different}
    addresses = {member.email_claim: member.pk for member in different if member.email_claim}
    return [
        member.pk
        for member in different
        if {names.get(had[member.pk][0]), addresses.get(had[member.pk][1] or "")} - {member.pk, None}
    ]


def _line(
    event: Event,
    member: Member,
    actor: Actor,
    changes: Mapping[str, Any],
    data: Mapping[str, Any] | None = None,
) -> Line:
    return Line(event, member.organization_id, actor, member_row.subject_of(member), changes, data or {})
