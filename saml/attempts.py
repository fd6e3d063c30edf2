"""Sign-in attempts: the store of open requests, the guard against replays, and the sign-in log, in one table.

Why: docs/decisions/saml-request-store.md.
"""

import hashlib
import secrets as random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from hmac import compare_digest
from typing import Any

import orjson
from django.utils import timezone

from audit import context
from audit.events import Event
from audit.record import Actor, Subject, record
from identity import rows, tenancy
from identity.models import Member, Session
from saml import attempt_details, tested
from saml.build import new_id
from saml.connections import actor_of
from saml.models import Attempt, Connection
from saml.refusals import Refused
from saml.snapshot import PendingRequest
from saml.verify import VerifiedAssertion

LIFETIME = timedelta(minutes=15)
COOKIE = "rollcall_login_"
ANONYMOUS = Actor("anonymous")
_OUTCOME_COLUMNS = [
    "outcome", "code", "detail", "member", "user_name", "session_id", "steps", "signed_by", "name_id_sealed",
    "attributes_sealed", "finished_at",
]  # fmt: skip
_BY_REQUEST = """
SELECT to_jsonb(attempt) FROM saml_attempt AS attempt WHERE organization_id = %s AND connection_id = %s AND request_id = %s
"""
_USER_AGENT_CHARACTERS_MAX = 400
_DETAIL_CHARACTERS_MAX = 500


@dataclass(frozen=True, slots=True)
class Claim:
    """What the request store knows of a response: the attempt that it answers, and whether this browser began it."""

    attempt: Attempt
    same_browser: bool

    @property
    def request(self) -> PendingRequest:
        """The attempt as verification sees it."""
        return PendingRequest(
            request_id=self.attempt.request_id or "",
            issued_at=self.attempt.started_at,
            expires_at=self.attempt.expires_at,
            same_browser=self.same_browser,
            answered=self.attempt.consumed_at is not None,
            force_authn=self.attempt.force_authn,
            authn_contexts=tuple(self.attempt.authn_contexts),
        )


def start(
    connection: Connection,
    *,
    target: str,
    purpose: str = Attempt.Purpose.LOGIN,
    actor: Actor = ANONYMOUS,
    session: Session | None = None,
) -> tuple[Attempt, str]:
    """Write the row before anybody is sent away, and return it with the nonce for this browser's cookie.

    `session`: whose member links themselves; the row carries both, so that nobody else's answer can be put in.
    """
    nonce = random.token_urlsafe(32)
    with tenancy.change(connection.organization_id):
        attempt = _new(connection, purpose)
        attempt.request_id = new_id()
        attempt.nonce_digest = _digest(nonce)
        attempt.target = target
        attempt.force_authn = connection.force_authn
        attempt.authn_contexts = connection.authn_contexts
        attempt.steps = [_step("sent to the identity provider")]
        if session is not None:
            attempt.member, attempt.session_id = session.member, session.pk
            attempt.user_name = session.member.user_name
        attempt.save(force_insert=True)
        _record(Event.SIGN_IN_START, connection, attempt, actor)
    return attempt, nonce


def find(connection: Connection, request_id: str | None, nonces: Mapping[str, str]) -> Claim | None:
    """Return the attempt that a response says it answers; `nonces` are this browser's, by cookie name."""
    if not request_id or len(request_id) > 100:  # noqa: PLR2004 - ours are shorter
        return None
    organization_id = connection.organization_id
    found = tenancy.read(organization_id, _BY_REQUEST, [organization_id, connection.pk, request_id])
    if not found:
        return None
    attempt = rows.loaded(Attempt, orjson.loads(found[0][0]))
    nonce = nonces.get(cookie_name(request_id), "")
    return Claim(attempt, compare_digest(_digest(nonce), bytes(attempt.nonce_digest or b"")))


def cookie_name(request_id: str) -> str:
    """Return the name of the cookie that binds a request to its browser; two tabs have one each."""
    return f"{COOKIE}{hashlib.sha256(request_id.encode()).hexdigest()[:12]}"


def succeed(
    attempt: Attempt | None,
    connection: Connection,
    verified: VerifiedAssertion,
    member: Member,
    session: Session,
    steps: list[str],
    data: dict[str, Any],
) -> Attempt:
    """Close an attempt (or write one for a sign-in that began at the identity provider); in the caller's transaction."""
    attempt = attempt or _new(connection, Attempt.Purpose.LOGIN)
    attempt.outcome = Attempt.Outcome.SUCCEEDED
    attempt.member, attempt.user_name, attempt.session_id = member, member.user_name, session.pk
    attempt.signed_by = verified.signed_by
    attempt.name_id_sealed = attempt_details.seal(attempt, "name_id", asdict(verified.name_id))
    _finish(attempt, steps)
    _record(Event.SIGN_IN_SUCCEED, connection, attempt, actor_of(connection), data=data)
    return attempt


def pass_test(
    attempt: Attempt,
    connection: Connection,
    verified: VerifiedAssertion,
    user_name: str,
    steps: list[str],
    *,
    counts: bool,
) -> Attempt:
    """Close a test whose message was good, keeping what it brought: the mapping is filled in from it.

    It `counts` as passed, so that the connection can be switched on, where a real sign-in would have let the person in.
    """
    with tenancy.change(connection.organization_id):
        attempt.outcome = Attempt.Outcome.SUCCEEDED
        attempt.user_name = _plain(user_name)
        _keep(attempt, verified)
        _finish(attempt, steps)
        if counts:
            tested.note(connection, verified.signed_by, attempt.finished_at)
        _record(Event.SIGN_IN_TEST, connection, attempt, actor_of(connection), data={"counts": counts})
    return attempt


def fail(
    attempt: Attempt | None,
    connection: Connection,
    refused: Refused,
    steps: list[str],
    verified: VerifiedAssertion | None = None,
    user_name: str = "",
) -> Attempt:
    """Close an attempt as failed, or write one, with its entry, in a transaction of its own."""
    with tenancy.change(connection.organization_id):
        attempt = attempt or _new(connection, Attempt.Purpose.LOGIN)
        attempt.outcome = Attempt.Outcome.FAILED
        attempt.code, attempt.detail = refused.code, _plain(refused.detail)
        attempt.user_name = _plain(user_name)
        if verified is not None:
            _keep(attempt, verified)
        _finish(attempt, [*steps, f"refused: {refused.code}"])
        _record(
            Event.SIGN_IN_REFUSE,
            connection,
            attempt,
            actor_of(connection),
            outcome="refused",
            reason=refused.code,
            data={"detail": attempt.detail},
        )
    return attempt


def hold(attempt: Attempt, connection: Connection, verified: VerifiedAssertion, steps: list[str]) -> None:
    """Keep what came for a link until its member has confirmed it; the attempt stays open."""
    with tenancy.change(connection.organization_id):
        _keep(attempt, verified)
        attempt.steps = [
            *attempt.steps,
            *(_step(step) for step in [*steps, "waits for the member to confirm"]),
        ]
        attempt.save(update_fields=["steps", "signed_by", "name_id_sealed", "attributes_sealed"])
        _record(Event.SIGN_IN_LINK, connection, attempt, actor_of(connection))


def conclude_link(attempt: Attempt, connection: Connection, *, actor: Actor) -> None:
    """Close an attempt whose member has confirmed the link; in the caller's transaction, which records the link itself."""
    attempt.outcome = Attempt.Outcome.SUCCEEDED
    attempt.attributes_sealed = None
    _finish(attempt, ["confirmed by the member", "linked"])
    _record(Event.SIGN_IN_LINK, connection, attempt, actor, data={"confirmed": True})


def note_repeat(claim: Claim, connection: Connection) -> None:
    """Record that a form came twice from the same browser; the sign-in itself stays as it was."""
    with tenancy.change(connection.organization_id):
        _record(
            Event.SIGN_IN_REFUSE,
            connection,
            claim.attempt,
            actor_of(connection),
            outcome="refused",
            reason="replay",
            data={"detail": "the same form, twice within seconds"},
        )


def close_incomplete(attempt: Attempt, *, actor: Actor) -> bool:
    """Close an attempt that never came back, once its time is over; False if it was closed meanwhile."""
    now = timezone.now()
    with tenancy.change(attempt.organization_id):
        locked = (
            Attempt.objects.select_for_update(of=("self",)).select_related("connection").get(pk=attempt.pk)
        )
        if locked.outcome != Attempt.Outcome.OPEN or locked.expires_at > now:
            return False
        locked.outcome = Attempt.Outcome.INCOMPLETE
        _finish(locked, ["never confirmed" if locked.consumed_at else "never came back"])
        _record(Event.SIGN_IN_INCOMPLETE, locked.connection, locked, actor)
    return True


def _new(connection: Connection, purpose: str) -> Attempt:
    now, where = timezone.now(), context.current()
    return Attempt(
        organization_id=connection.organization_id,
        connection=connection,
        purpose=purpose,
        ip=where.ip,
        user_agent=where.user_agent[:_USER_AGENT_CHARACTERS_MAX],
        started_at=now,
        expires_at=now + LIFETIME,
    )


def _keep(attempt: Attempt, verified: VerifiedAssertion) -> None:
    attempt.signed_by = verified.signed_by
    attempt.name_id_sealed = attempt_details.seal(attempt, "name_id", asdict(verified.name_id))
    attempt.attributes_sealed = attempt_details.seal(attempt, "attributes", verified.attributes)


def _finish(attempt: Attempt, steps: list[str]) -> None:
    attempt.finished_at = timezone.now()
    attempt.steps = [*attempt.steps, *(_step(step) for step in steps)]
    if attempt._state.adding:  # noqa: SLF001 - Django's way to know: a row that was made for this outcome
        rows.insert(attempt)
    else:
        rows.update(attempt, *_OUTCOME_COLUMNS)


def _step(text: str) -> dict[str, str]:
    return {"at": timezone.now().isoformat(timespec="milliseconds"), "step": _plain(text)}


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else "\ufffd" for character in text)[
        :_DETAIL_CHARACTERS_MAX
    ]


def _record(event: Event, connection: Connection, attempt: Attempt, actor: Actor, **more: Any) -> None:
    data = {"connection": str(connection.pk), "connection_name": connection.name, "purpose": attempt.purpose}
    record(
        event,
        organization_id=connection.organization_id,
        actor=actor,
        subject=Subject("sign_in", str(attempt.pk), attempt.user_name),
        data=data | more.pop("data", {}),
        **more,
    )


def _digest(nonce: str) -> bytes:
    return hashlib.sha256(nonce.encode()).digest()
