"""What can be done about a stolen key of the identity provider: a response that it signs is as good as a genuine one.

No check of a message can find that out (CyberArk's "Golden SAML", 2017). So administrators are told of a key's first use, each sign-in
shows which key signed it, removing a certificate works at once, and all sessions that came through a connection can be ended.
"""

from typing import Final

from django.utils import timezone

from audit.events import Event
from audit.record import Actor, record
from identity import alarms, credential_ends, tenancy
from saml.connections import actor_of, subject_of
from saml.models import Connection, IdpCertificate

_FIRST_USE: Final = """
UPDATE saml_idpcertificate SET first_used_at = %(now)s
 WHERE organization_id = %(organization)s AND connection_id = %(connection)s AND fingerprint = %(fingerprint)s
   AND removed_at IS NULL AND first_used_at IS NULL
RETURNING id
"""


def note_use(connection: Connection, fingerprint: str) -> bool:
    """Record that somebody came in by this key for the first time, and tell the administrators unless it is the connection's very first.

    In the sign-in's transaction; returns whether it was the first time. A simultaneous one waits here, and finds it told.
    """
    values = {
        "organization": connection.organization_id, "connection": connection.pk, "fingerprint": fingerprint, "now": timezone.now(),
    }  # fmt: skip
    if not tenancy.read(connection.organization_id, _FIRST_USE, values):
        return False
    record(
        Event.CONNECTION_KEY_USED,
        organization_id=connection.organization_id,
        actor=actor_of(connection),
        subject=subject_of(connection),
        data={"fingerprint": fingerprint},
    )
    keys = IdpCertificate.objects.filter(organization=connection.organization_id, connection=connection)
    used_before = keys.filter(first_used_at__isnull=False).exclude(fingerprint=fingerprint)
    if used_before.exists():
        alarms.tell_administrators(
            connection.organization_id,
            kind="key_first_used",
            about=connection.pk,
            subject=f"{connection.name}: somebody came in by a new key",
            body=(
                f"For the first time somebody signed in through {connection.name} by a response that was signed with the key of "
                f"this certificate (SHA-256):\n\n{fingerprint}\n\n"
                "If your identity provider has renewed its certificate, all is well. If not, somebody else may be signing: take the "
                "certificate out of the connection, and end the sessions that came through it.\n"
            ),
        )
    return True


def end_sessions(connection: Connection, *, actor: Actor) -> int:
    """End every open session that came through the connection; returns how many. Nothing to end, nothing written."""
    return credential_ends.end_of_connection(
        connection.organization_id, connection.pk, actor=actor, reason="connection_sessions_ended"
    )
