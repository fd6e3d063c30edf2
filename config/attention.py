"""What waits for a person in any organization, counted for those who operate the server; organizations are not named."""

from datetime import timedelta
from typing import Final

from django.utils import timezone

from identity import tenancy

# A directory or an address that failed once may answer the next time, and a letter that was put off once may go out.
FAILURES: Final = 3
LETTER_SECONDS: Final = 15 * 60
TOKEN_DAYS: Final = 7
CERTIFICATE_DAYS: Final = 14
# One row each; every part is found by an index of what is due or open, or in a table of some rows an organization.
_COUNTS: Final = {
    "directory_failing": """SELECT count(*) FROM identity_pull WHERE failures >= %(failures)s AND paused_at IS NULL""",
    "run_held": """SELECT count(*) FROM identity_run WHERE state = 'held'""",
    "burst_held": """SELECT count(*) FROM scim_burst WHERE decision = ''""",
    # Of a directory: who is provisioned with it stops. A token with a successor, which lasts longer, is only the old one.
    "directory_token_expiring": """
      SELECT count(*) FROM identity_token ending
       WHERE ending.revoked_at IS NULL AND ending.directory_id IS NOT NULL
         AND ending.expires_at > %(now)s AND ending.expires_at <= %(tokens_until)s
         AND NOT EXISTS (SELECT FROM identity_token other WHERE other.organization_id = ending.organization_id
               AND other.directory_id = ending.directory_id AND other.revoked_at IS NULL
               AND (other.expires_at IS NULL OR other.expires_at > %(tokens_until)s))""",
    "certificate_expiring": """
      SELECT (SELECT count(*) FROM saml_idpcertificate c JOIN saml_connection o ON o.organization_id = c.organization_id
                 AND o.id = c.connection_id AND o.active
               WHERE c.not_after <= %(certificates_until)s AND c.removed_at IS NULL AND c.missing_since IS NULL)
           + (SELECT count(*) FROM saml_keypair k JOIN saml_connection o ON o.organization_id = k.organization_id
                 AND o.id = k.connection_id AND o.active
               WHERE k.not_after <= %(certificates_until)s AND k.state = 'current')""",
    "metadata_failing": """SELECT count(*) FROM saml_metadatawatch WHERE failures >= %(failures)s OR held <> ''""",
    "mail_late": """SELECT count(*) FROM identity_outgoingmail WHERE state = 'waiting' AND created_at <= %(letters_before)s""",
}
KINDS: Final = tuple(_COUNTS)
_ASKED: Final = f"SELECT {', '.join(f'({count})' for count in _COUNTS.values())}"


def counts() -> dict[str, int]:
    """Return how many things of each kind wait for a person, over all organizations; one round trip."""
    now = timezone.now()
    rows = tenancy.read_everywhere(
        "what waits for a person",
        _ASKED,
        {
            "now": now,
            "failures": FAILURES,
            "letters_before": now - timedelta(seconds=LETTER_SECONDS),
            "tokens_until": now + timedelta(days=TOKEN_DAYS),
            "certificates_until": now + timedelta(days=CERTIFICATE_DAYS),
        },
    )
    return dict(zip(KINDS, rows[0], strict=True))
