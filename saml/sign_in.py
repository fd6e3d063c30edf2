"""A response arrives: verify it, spend it, find the person, give them their first permissions and a session, or say no."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import cast

from django.db import IntegrityError
from django.utils import timezone

from identity import errors, first_access, invitations, member_row, sessions, tenancy
from identity.first_access import Applied, Wanted
from identity.grants import GrantSpec
from identity.models import Member
from identity.sessions import SamlOrigin
from saml import attempts, following, linking, people, spent, stolen_keys, trial, trust
from saml.attempts import Claim
from saml.attributes import Person, read_person
from saml.connections import actor_of
from saml.models import Attempt, Connection
from saml.outcomes import Held, Repeated, SignedIn, SignInRefused, Tested
from saml.people import Match
from saml.presets import preset
from saml.refusals import CATALOGUE, Refused
from saml.start import check_active, check_configured, safe_target
from saml.verify import Trace, VerifiedAssertion, verify
from saml.xml import read_response

HOME = "/"
# What the domain refuses, in the words of the sign-in log.
_CODES = {"offboarded": "user_inactive", "forbidden": "user_inactive", "invalid": "attribute_invalid"}


@dataclass(slots=True)
class _Course:
    """What is known so far, for the log, wherever the course ends."""

    claim: Claim | None = None
    verified: VerifiedAssertion | None = None
    person: Person | None = None
    trace: Trace = field(default_factory=Trace)
    steps: list[str] = field(default_factory=list)


def receive(
    connection: Connection, encoded: str, nonces: Mapping[str, str], relay_state: str = ""
) -> SignedIn | Repeated | Tested | Held:
    """Answer a POST to the ACS. Raises SignInRefused; then there is no session, no member, and one failed attempt.

    What is spent and what comes of it are committed together: whoever shows the same assertion at the same moment waits for that.
    """
    now = timezone.now()
    course = _Course()
    try:
        verified = _verify(connection, encoded, nonces, course, now)
    except Refused as refused:
        raise _refuse(connection, course, refused) from refused
    with tenancy.change(connection.organization_id):
        outcome = _spend(connection, course, verified, safe_target(relay_state), now)
    if isinstance(outcome, SignInRefused):
        raise outcome
    return outcome


def _verify(
    connection: Connection, encoded: str, nonces: Mapping[str, str], course: _Course, now: datetime
) -> VerifiedAssertion:
    check_configured(connection)
    response = read_response(encoded)
    course.claim = attempts.find(connection, response.in_response_to, nonces)
    if course.claim is None or not trial.is_trial(course.claim.attempt):
        check_active(connection)
    request = course.claim.request if course.claim else None
    course.verified = verify(response, trust.ready(connection).snapshot, request, now, course.trace)
    return course.verified


def _person(connection: Connection, verified: VerifiedAssertion) -> Person:
    return read_person(
        verified.attributes,
        verified.name_id.value,
        verified.name_id.format,
        connection.attribute_mapping,
        preset(connection.idp_preset).mapping,
    )


def _spend(
    connection: Connection, course: _Course, verified: VerifiedAssertion, relay_target: str, now: datetime
) -> SignedIn | Repeated | Tested | Held | SignInRefused:
    """Spend the assertion and go on. What is refused then takes back what it wrote, but not that the assertion is spent."""
    try:
        spent.spend(connection, course.claim, verified, now)
        course.person = _person(connection, verified)
        return _conclude(connection, course, verified, course.person, relay_target)
    except Refused as refused:
        claim = course.claim
        if claim and refused.code in {"replay", "in_response_to"} and spent.shown_twice(claim, now):
            attempts.note_repeat(claim, connection)
            return Repeated(claim.attempt.target or HOME)
        return _refuse(connection, course, refused)


def _conclude(
    connection: Connection, course: _Course, verified: VerifiedAssertion, person: Person, relay_target: str
) -> SignedIn | Tested | Held:
    attempt = course.claim.attempt if course.claim else None
    if attempt is not None and trial.is_trial(attempt):
        return trial.conclude(connection, attempt, verified, person, _steps(course))
    if attempt is not None and attempt.purpose == Attempt.Purpose.LINK:
        linking.hold(connection, attempt, verified, person, _steps(course))
        return Held(attempt.target or HOME, attempt.request_id or "")
    try:
        return _enter(connection, course, verified, person, relay_target)
    except errors.Refusal as refusal:
        code = _CODES.get(refusal.code, refusal.code)
        raise Refused(code if code in CATALOGUE else "attribute_invalid", refusal.message) from refusal


def _enter(
    connection: Connection, course: _Course, verified: VerifiedAssertion, person: Person, relay_target: str
) -> SignedIn:
    """Let the person in; once more from the start where somebody else was created, or their invitation closed, at the same moment."""
    back = people.returning(connection, verified.name_id, person, verified.signed_by)
    if back is not None and back.member.is_active and not back.news and not connection.follows:
        return _sign_in(connection, course, verified, relay_target, Match(back.member, "known"), [])
    with suppress(people.InvitationClosed, people.ChangedMeanwhile, errors.UserNameTaken, IntegrityError):
        return _take_in(connection, course, verified, person, relay_target)
    try:
        return _take_in(connection, course, verified, person, relay_target)
    except people.InvitationClosed as error:
        raise Refused("not_invited") from error
    except (people.ChangedMeanwhile, errors.UserNameTaken, IntegrityError) as error:
        raise Refused("user_name_taken") from error


def _take_in(
    connection: Connection, course: _Course, verified: VerifiedAssertion, person: Person, relay_target: str
) -> SignedIn:
    """Let in whoever is not merely coming back, in a savepoint: newcomers, and those to whom something is due."""
    actor = actor_of(connection)
    with tenancy.change(connection.organization_id):
        match = people.take_in(connection, verified.name_id, person)
        if match.member is None:
            raise Refused("not_invited")
        if match.how == "created":
            applied = first_access.apply_to_newcomer(match.member, _wanted(person), actor=actor)
        else:
            # A directory may have brought them meanwhile; what the invitation came with is theirs all the same.
            invitations.accept_for(match.member, person.email, actor=actor)
            applied = first_access.apply_asserted(match.member, _wanted(person), actor=actor)
        if stolen_keys.note_use(connection, verified.signed_by):
            course.steps.append(f"first use of the key {verified.signed_by}")
        following.follow_groups(connection, match.member, person.groups)
        followed = following.follow(connection, match.member, _wanted(person), applied.stages)
        refused_access = [*_refused_access(applied), *followed]
        if match.how != "created":
            match = replace(match, member=member_row.lock(match.member))
        return _sign_in(connection, course, verified, relay_target, match, refused_access)


def _sign_in(
    connection: Connection,
    course: _Course,
    verified: VerifiedAssertion,
    relay_target: str,
    match: Match,
    refused_access: list[str],
) -> SignedIn:
    """Begin the session of a member whose row is locked, and close the attempt."""
    member = cast("Member", match.member)
    member.organization = connection.organization
    session, cookie = sessions.start_locked(
        member,
        actor=actor_of(connection),
        saml=SamlOrigin(connection.pk, verified.name_id.value, verified.authentication.session_index or ""),
        not_after=verified.authentication.session_not_on_or_after,
    )
    attempt = course.claim.attempt if course.claim else None
    target = (attempt.target if attempt else relay_target) or HOME
    attempts.succeed(
        attempt,
        connection,
        verified,
        member,
        session,
        [*_steps(course), f"member {match}", *refused_access, "signed in"],
        {
            "member": str(member.pk),
            "how": match.how,
            "signed_by": verified.signed_by,
            "warnings": list(verified.warnings),
            "refused_access": refused_access,
        },
    )
    return SignedIn(session, cookie, target, attempt.request_id or "" if attempt else "")


def _wanted(person: Person) -> Wanted:
    grants = None
    if person.grants is not None:
        grants = tuple(GrantSpec(each.kind, each.key, each.permission) for each in person.grants)
    return Wanted(grants, person.roles)


def _refused_access(applied: Applied) -> list[str]:
    grants = [
        f"access refused: {spec.kind} {spec.key} {spec.permission} ({reason})"
        for spec, reason in applied.refused_grants.items()
    ]
    names = [f"access refused: role {name} (unknown_role)" for name in applied.refused_roles]
    return [*grants, *names, *(following.KEPT for _ in applied.spared)]


def _steps(course: _Course) -> list[str]:
    return [*(f"passed: {check}" for check in course.trace.passed), *course.steps]


def _refuse(connection: Connection, course: _Course, refused: Refused) -> SignInRefused:
    """Write the refusal down. It closes the attempt only if this browser, or this identity provider, really spoke for it."""
    claim = course.claim
    attempt = None
    if claim is not None and (claim.same_browser or refused.code == "browser_binding"):
        attempt = claim.attempt if claim.attempt.outcome == Attempt.Outcome.OPEN else None
    user_name = course.person.user_name if course.person else ""
    written = attempts.fail(attempt, connection, refused, _steps(course), course.verified, user_name)
    return SignInRefused(written)
