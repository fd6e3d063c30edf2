"""A sign-in begins here: an attempt is written, and the browser is sent to the identity provider with our request."""

from django.conf import settings
from django.utils.http import url_has_allowed_host_and_scheme

from audit.record import Actor
from identity.models import Session
from saml import attempts, build, trust
from saml.build import Message, RequestWishes
from saml.models import Attempt, Connection
from saml.outcomes import SignInRefused
from saml.refusals import Refused

TARGET_CHARACTERS_MAX = 2000


def begin(
    connection: Connection, target: str, tester: Actor | None = None, linker: Session | None = None
) -> tuple[Message, Attempt, str]:
    """Write an attempt and return the AuthnRequest that goes with it, the attempt, and the nonce for the browser.

    `tester`: who asked for a test sign-in, which a connection that is off may serve too. `linker`: the session of a member
    who links themselves. Raises SignInRefused for a connection that is off or unfinished.
    """
    try:
        check_configured(connection)
        if tester is None:
            check_active(connection)
            _check_start(connection)
        ready = trust.ready(connection)
        _check_addressed(ready)
    except Refused as refused:
        raise SignInRefused(attempts.fail(None, connection, refused, [])) from refused
    if linker is not None:
        actor = Actor("member", str(linker.member_id), linker.member.user_name)
        purpose = Attempt.Purpose.LINK
        attempt, nonce = attempts.start(
            connection, target=target, purpose=purpose, actor=actor, session=linker
        )
    elif tester is None:
        attempt, nonce = attempts.start(connection, target=target)
    else:
        attempt, nonce = attempts.start(connection, target="", purpose=Attempt.Purpose.TEST, actor=tester)
    wishes = RequestWishes(
        connection.force_authn, connection.name_id_format, tuple(connection.authn_contexts)
    )
    document = build.authn_request(ready.snapshot, attempt.request_id or "", wishes)
    message = build.send(
        document,
        connection.sso_url,
        connection.sso_binding,
        field="SAMLRequest",
        key=ready.signing if connection.sign_requests else None,
    )
    return message, attempt, nonce


def safe_target(target: str) -> str:
    """Return the path if it is one of ours, else an empty text: nobody is sent elsewhere from here, nor to sign in once more.

    Products call their field for it a URL, so it may be ours in full.
    """
    target = target.removeprefix(settings.ROLLCALL_PUBLIC_URL)
    if (
        not target
        or len(target) > TARGET_CHARACTERS_MAX
        or not target.startswith("/")
        or target.startswith("/saml2/")
        or not target.isprintable()
    ):
        return ""
    return target if url_has_allowed_host_and_scheme(target, allowed_hosts=None) else ""


def check_configured(connection: Connection) -> None:
    """Refuse a connection that does not know its identity provider yet."""
    if not connection.idp_entity_id:
        raise Refused("not_configured")


def check_active(connection: Connection) -> None:
    """Refuse a connection that is off."""
    if not connection.active:
        raise Refused("connection_inactive")


def _check_start(connection: Connection) -> None:
    if not connection.organization.start_here:
        raise Refused("start_elsewhere")


def _check_addressed(ready: trust.Ready) -> None:
    if not ready.snapshot.signing_keys or not ready.snapshot.sso_url:
        raise Refused("not_configured")
