"""Secrets at rest: sealed under a data key of the organization, which a master key from the environment wraps.

AES-256-GCM (NIST SP 800-38D). The additional data names organization and place (table, row, field), so that a sealed value
moved elsewhere does not open. Layout: version byte ‖ 12-byte nonce ‖ ciphertext with tag.
"""

import hmac
import os
import time
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import transaction

from audit.events import Event
from audit.record import Actor, Subject, record
from identity import tenancy
from identity.master_keys import masters
from identity.models import DataKey

_VERSION = b"\x01"
_NONCE_LENGTH = 12
# An organization's key may be used unread for so long: sealing one value a request must not cost a query each. A key that was
# destroyed is gone from every process after this time.
_KNOWN_SECONDS = 60.0
_unwrapped: dict[tuple[UUID, bytes], bytes] = {}
_known: dict[UUID, tuple[float, bytes]] = {}


class UnsealError(RuntimeError):
    """A sealed value does not open: another master key, another place, or altered."""


def seal(organization_id: UUID, context: str, plaintext: bytes) -> bytes:
    """Return `plaintext` sealed for this organization and place; `context` reads as "table:row:field"."""
    return _encrypt(_data_key(organization_id), f"{organization_id}|{context}".encode(), plaintext)


def open_(organization_id: UUID, context: str, sealed: bytes) -> bytes:
    """Return what was sealed. Raises UnsealError."""
    return _decrypt(_data_key(organization_id), f"{organization_id}|{context}".encode(), bytes(sealed))


def digest(organization_id: UUID, context: str, text: bytes) -> bytes:
    """Return a digest of `text` that only whoever has the organization's key can make (HMAC-SHA-256, by a key of its own: RFC 5869)."""
    key = hmac.digest(_data_key(organization_id), b"digest", "sha256")
    return hmac.digest(key, f"{organization_id}|{context}".encode() + text, "sha256")


def rewrap(organization_id: UUID, *, actor: Actor) -> bool:
    """Wrap the organization's data key with the master key of today, after that was changed. Tells whether there was anything to do.

    What is sealed stays as it is: it is the data key that sealed it. Raises UnsealError if no known master key opens the data key.
    """
    master_id, master = masters()[0]
    with tenancy.change(organization_id):
        row = DataKey.objects.select_for_update().filter(organization_id=organization_id).first()
        if row is None or row.master_key_id == master_id:
            return False
        before, key = row.master_key_id, _unwrap(row)
        row.master_key_id, row.wrapped = master_id, _encrypt(master, organization_id.bytes, key)
        row.save(update_fields=["master_key_id", "wrapped"])
        record(
            Event.KEY_REWRAP,
            organization_id=organization_id,
            actor=actor,
            subject=Subject("data_key", str(row.pk)),
            changes={"master_key_id": [before, master_id]},
        )
    return True


def unopened() -> int:
    """Return how many organizations have a data key that is wrapped by a master key which nobody gave us."""
    known = [master_id for master_id, _ in masters()]
    with tenancy.everywhere("how many data keys do not open"):
        return DataKey.objects.exclude(master_key_id__in=known).count()


def forget() -> None:
    """Forget the unwrapped keys of this process (tests, and after a rotation)."""
    _unwrapped.clear()
    _known.clear()


def _data_key(organization_id: UUID) -> bytes:
    read_at, key = _known.get(organization_id, (0.0, b""))
    if not key or time.monotonic() - read_at > _KNOWN_SECONDS:
        key = read = _read_data_key(organization_id)
        read_at = time.monotonic()
        # Inside a transaction the key may be new, and vanish with its rollback.
        transaction.on_commit(lambda: _known.update({organization_id: (read_at, read)}))
    return key


def _read_data_key(organization_id: UUID) -> bytes:
    with tenancy.of(organization_id):
        row = DataKey.objects.filter(organization_id=organization_id).first()
        if row is None:
            master_id, master = masters()[0]
            wrapped = _encrypt(master, organization_id.bytes, os.urandom(32))
            DataKey.objects.bulk_create(
                [DataKey(organization_id=organization_id, master_key_id=master_id, wrapped=wrapped)],
                ignore_conflicts=True,
            )
            row = DataKey.objects.get(organization_id=organization_id)
    return _unwrap(row)


def _unwrap(row: DataKey) -> bytes:
    cached = (row.organization_id, bytes(row.wrapped))
    if cached not in _unwrapped:
        known = dict(masters())
        if row.master_key_id not in known:
            message = (
                f"The data key of organization {row.organization_id} is wrapped by master key {row.master_key_id},"
                " which is neither ROLLCALL_MASTER_KEY nor among ROLLCALL_MASTER_KEYS_OLD."
            )
            raise UnsealError(message)
        _unwrapped[cached] = _decrypt(known[row.master_key_id], row.organization_id.bytes, cached[1])
    return _unwrapped[cached]


def _encrypt(key: bytes, additional: bytes, plaintext: bytes) -> bytes:
    nonce = os.urandom(_NONCE_LENGTH)
    return _VERSION + nonce + AESGCM(key).encrypt(nonce, plaintext, additional)


def _decrypt(key: bytes, additional: bytes, sealed: bytes) -> bytes:
    version, nonce, body = sealed[:1], sealed[1 : 1 + _NONCE_LENGTH], sealed[1 + _NONCE_LENGTH :]
    message = "A sealed value does not open: wrong master key, moved from another place, or altered."
    if version != _VERSION:
        raise UnsealError(message)
    try:
        return AESGCM(key).decrypt(nonce, body, additional)
    except InvalidTag as error:
        raise UnsealError(message) from error
