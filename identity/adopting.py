"""Adopting many: members who were here before their directory named them. The batch form of `members.provision` for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import connection
from django.utils import timezone

from audit.events import Event
from audit.ids import uuid7
from audit.record import Actor, Line, record_all
from identity import arrivals, batches, domains, member_row, tenancy
from identity.batches import Change
from identity.models import Directory, Domain, Link, Member, Organization
from identity.profile import check_length, email_of, is_same, key_of

# Whoever is meant beyond doubt, as identity.matching has it: no directory has them or had their id, single sign-on that fails does not
# need them, nobody of this one has their name, and nobody else has the name or could be meant by the address. Not NOT EXISTS for the
# external id: of a directory without links when it last looked, PostgreSQL would read all links for each row.
_PLAIN: Final = """
SELECT row.id
  FROM unnest(%(ids)s::uuid[], %(external_ids)s::text[], %(names)s::text[], %(emails)s::text[]) AS row (id, external_id, name, email)
  JOIN identity_member member ON member.organization_id = %(organization)s AND member.id = row.id
 WHERE member.state <> 'offboarded'
   AND NOT EXISTS (SELECT FROM identity_organization WHERE id = %(organization)s AND sign_on = 'single_sign_on' AND break_glass_id = row.id)
   AND NOT EXISTS (SELECT FROM identity_link link WHERE link.organization_id = %(organization)s AND link.member_id = row.id
                      AND (link.tombstoned_at IS NULL OR link.directory_id = %(directory)s))
   AND (SELECT 1 FROM identity_link link WHERE link.organization_id = %(organization)s AND link.directory_id = %(directory)s
           AND link.external_id = row.external_id AND link.tombstoned_at IS NULL LIMIT 1) IS NULL
   AND (SELECT 1 FROM identity_link link WHERE link.organization_id = %(organization)s AND link.directory_id = %(directory)s
           AND link.external_id = row.external_id AND link.moved_at IS NOT NULL LIMIT 1) IS NULL
   AND NOT EXISTS (SELECT FROM identity_member other WHERE other.organization_id = %(organization)s AND other.user_name_key = row.name
                      AND other.id <> row.id)
   AND (member.user_name_key = row.name OR member.password LIKE %(no_password)s AND NOT EXISTS (
         SELECT FROM identity_member other WHERE other.organization_id = %(organization)s AND other.email_key = row.email
            AND other.id <> row.id AND other.state <> 'offboarded'))
"""


@dataclass(frozen=True, slots=True)
class Adoption:
    """A member, and what the directory says of them: `profile` is put onto theirs."""

    member_id: UUID
    external_id: str
    user_name: str
    profile: dict[str, Any]


def adopt(
    organization: Organization, adoptions: Sequence[Adoption], *, actor: Actor, directory: Directory
) -> set[UUID]:
    """Link and change the members who are meant beyond doubt, and return their ids; the others are `members.provision`'s to judge.

    Suspended ones stay so. Raises Invalid, UserNameTaken, EmailTaken, ExternalIdTaken: then nobody is adopted.
    """
    said = {adoption.member_id: adoption for adoption in adoptions}
    with tenancy.change(organization):
        here = [
            _Candidate(member, said[member.pk], email_of({**member.profile, **said[member.pk].profile}))
            for member in batches.locked(organization, said)
        ]
        plain = _plain(organization, directory, here)
        proved = set(
            Domain.objects.filter(organization=organization, proved_at__isnull=False).values_list(
                "name", flat=True
            )
        )
        meant = [
            candidate for candidate in here if candidate.member.pk in plain and candidate.is_meant(proved)
        ]
        if meant:
            _link(organization, directory, meant, actor)
            batches.change(organization, [candidate.change() for candidate in meant], actor=actor)
    return {candidate.member.pk for candidate in meant}


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A locked member, what the directory says of them, and the address that they would have."""

    member: Member
    said: Adoption
    email: str

    def is_meant(self, proved: set[str]) -> bool:
        """Tell whether name or address are the member's letter by letter, and the address lies in one of the proved domains."""
        if not self.email or domains.domain_of(self.email) not in proved:
            return False
        if self.member.user_name_key != key_of(self.said.user_name):
            return is_same(self.email, self.member.email)
        known_as = (self.member.email, self.member.user_name)
        return is_same(self.said.user_name, self.member.user_name) and any(
            is_same(self.email, text) for text in known_as
        )

    def change(self) -> Change:
        """Return what becomes of the member."""
        return Change(self.member.pk, self.member.version, self.said.user_name, self.said.profile)


def _plain(organization: Organization, directory: Directory, here: Sequence[_Candidate]) -> set[UUID]:
    values: dict[str, Any] = {
        "organization": organization.pk, "directory": directory.pk, "no_password": f"{UNUSABLE_PASSWORD_PREFIX}%",
        "ids": [candidate.member.pk for candidate in here],
        "external_ids": [candidate.said.external_id for candidate in here],
        "names": [key_of(candidate.said.user_name) for candidate in here],
        "emails": [key_of(candidate.email) for candidate in here],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_PLAIN, values)
        return {row[0] for row in cursor.fetchall()}


def _link(
    organization: Organization, directory: Directory, meant: Sequence[_Candidate], actor: Actor
) -> None:
    now = timezone.now()
    arrivals.count_tables(len(meant))
    rows: list[Link] = []
    lines: list[Line] = []
    for candidate in meant:
        external_id = candidate.said.external_id
        check_length(external_id, "external_id", "An external id")
        rows.append(
            Link(
                id=uuid7(), organization_id=organization.pk, directory=directory, member=candidate.member, external_id=external_id,
                linked_at=now,
            )
        )  # fmt: skip
        lines.append(
            Line(
                Event.MEMBER_LINK, organization.pk, actor, member_row.subject_of(candidate.member),
                data={"directory": str(directory.pk), "external_id": external_id},
            )
        )  # fmt: skip
    Link.objects.bulk_create(rows)
    record_all(lines)
