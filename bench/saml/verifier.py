"""Measures the verifier alone, in this process, without Django: `python bench/saml/verifier.py`.

For signed and for encrypted assertions: milliseconds each, over a thousand verifications of a snapshot whose keys were parsed once.
"""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from demo.idp_messages import Answer, TestIdp, form_value, respond
from saml import certificates, keys
from saml.snapshot import ConnectionSnapshot
from saml.verify import verify
from saml.xml import read_response

ROUNDS = 1000
WHERE = "https://rollcall.example/saml2/bench"
IDP = TestIdp()


def snapshot() -> tuple[ConnectionSnapshot, str]:
    """Return a connection as the ACS holds it, and the certificate for which its assertions are encrypted."""
    private, certificate = keys.generate("bench")
    ours = keys.load(private, certificate)
    trusted = certificates.trusted_key(certificates.read(IDP.keys.certificate_pem), "signing")
    made = ConnectionSnapshot(
        entity_id=f"{WHERE}/metadata", acs_url=f"{WHERE}/acs", sls_url=f"{WHERE}/sls", idp_entity_id=IDP.entity_id,
        idp_keys=(trusted,), decryption_keys=(keys.decryption_key(ours),), allow_idp_initiated=True,
    )  # fmt: skip
    return made, certificate


def milliseconds(
    connection: ConnectionSnapshot, encrypt_for: str | None, cipher: str = "aes256-gcm"
) -> float:
    """Return what reading and verifying one response costs of the processor, on average."""
    answer = Answer(
        connection.acs_url, connection.entity_id, attributes={"email": "p@bench.example"}, encrypt_for=encrypt_for,
        cipher=cipher, sign=("response", "assertion"),
    )  # fmt: skip
    encoded, now = form_value(respond(IDP, answer)), datetime.now(UTC)
    begun = time.process_time()
    for _ in range(ROUNDS):
        verify(read_response(encoded), connection, None, now)
    return (time.process_time() - begun) / ROUNDS * 1000


def main() -> None:
    """Print the three."""
    connection, certificate = snapshot()
    for name, encrypt_for, cipher in (
        ("signed", None, ""),
        ("encrypted, AES-GCM", certificate, "aes256-gcm"),
        ("encrypted, AES-CBC", certificate, "aes256-cbc"),
    ):
        print(
            f"verifier, {name:<20} {milliseconds(connection, encrypt_for, cipher):6.3f} ms of processor each",
            flush=True,
        )


if __name__ == "__main__":
    main()
