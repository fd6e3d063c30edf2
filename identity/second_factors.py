"""Verbs on second factors: enrol an authenticator app, show that one holds it, remove it.

The codes are those of RFC 6238 with what every app takes for granted: SHA-1, six digits, thirty seconds. Each is good
once (section 5.2), one step early or late counts (section 5.2 too), and ten recovery codes stand in for a lost telephone.
Why: docs/decisions/second-factors.md.
"""

import hashlib
import os
import secrets
import struct
import time
from base64 import b32encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NoBase64
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from django.utils import timezone
from django_otp.oath import TOTP

from audit.events import Event
from audit.record import Actor, record
from identity import mail, member_row, tenancy
from identity import secrets as sealing
from identity.errors import Invalid
from identity.models import Member, Organization, RecoveryCode, SecondFactor

DIGITS: Final = 6
STEP_SECONDS: Final = 30
DRIFT_STEPS: Final = 1
RECOVERY_CODES: Final = 10
OFFER_SECONDS: Final = 15 * 60
_SECRET_BYTES: Final = 20
_OFFER_LENGTH_MAX: Final = 200
_CODE_LENGTH_MAX: Final = 40
# Without 0, 1, 8 and 9, which people read as letters: base 32 of RFC 4648. Sixteen of them are 80 bits.
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_RECOVERY_LENGTH: Final = 16
APP: Final = "app"
RECOVERY: Final = "recovery_code"


@dataclass(frozen=True, slots=True)
class Offer:
    """A secret for an app to take. Nothing is kept of it here: `sealed` comes back with the first code."""

    secret: str
    uri: str
    sealed: str


def is_asked(member: Member, *, by_saml: bool) -> bool:
    """Tell whether a session of the member has to wait for a second factor; the tenancy must be set."""
    policy = member.organization.second_factor
    if policy == Organization.SecondFactor.EVERYBODY:
        return True
    if by_saml:
        return False
    return policy == Organization.SecondFactor.PASSWORDS or of(member) is not None


def of(member: Member) -> SecondFactor | None:
    """Return the member's app, or None."""
    with tenancy.of(member.organization_id):
        return SecondFactor.objects.filter(organization=member.organization_id, member=member).first()


def codes_left(member: Member) -> int:
    """Return how many recovery codes are unspent."""
    with tenancy.of(member.organization_id):
        return RecoveryCode.objects.filter(
            organization=member.organization_id, member=member, spent_at__isnull=True
        ).count()


def offer(member: Member, issuer: str) -> Offer:
    """Make a secret for the member's app; `issuer` is what the app calls us. Good for a quarter of an hour."""
    secret = os.urandom(_SECRET_BYTES)
    stamped = struct.pack(">Q", int(time.time())) + secret
    sealed = sealing.seal(member.organization_id, _place_of_offer(member), stamped)
    return _offer(member, issuer, secret, urlsafe_b64encode(sealed).decode())


def same_offer(member: Member, issuer: str, sealed: str) -> Offer | None:
    """Return the offer again, so that a wrong code does not cost another photograph; None once it is no longer good."""
    secret = _opened(member, sealed)
    return _offer(member, issuer, secret, sealed) if secret is not None else None


def enrol(member: Member, sealed: str, code: str, *, actor: Actor) -> list[str]:
    """Keep the app whose `code` proves that it took the offer, in place of a former one; returns the recovery codes.

    They are told this once and kept as digests. Raises Invalid (field `code`).
    """
    secret = _opened(member, sealed)
    if secret is None:
        raise Invalid("This key is too old. Scan the one shown now.", field="code")
    step = _step(secret, code, after=0)
    if step is None:
        raise Invalid(
            "This is not the code that your app shows now. Check the clock of your device.", field="code"
        )
    with tenancy.change(member.organization_id):
        locked = member_row.lock(member)
        mine = SecondFactor.objects.filter(organization=locked.organization_id, member=locked)
        renewed = bool(mine.delete()[0])
        row = SecondFactor(
            organization_id=locked.organization_id, member=locked, last_step=step, enrolled_at=timezone.now()
        )
        row.secret_sealed = sealing.seal(locked.organization_id, _place(row), secret)
        row.save(force_insert=True)
        codes = _renew_codes(locked)
        record(
            Event.SECOND_FACTOR_ENROL,
            organization_id=locked.organization_id,
            actor=actor,
            subject=member_row.subject_of(locked),
            data={"renewed": renewed, "recovery_codes": len(codes)},
        )
    return codes


def renew_codes(member: Member, *, actor: Actor) -> list[str]:
    """Give the member ten new recovery codes, told this once; the old ones are worth nothing. Raises Invalid without an app."""
    with tenancy.change(member.organization_id):
        locked = member_row.lock(member)
        if of(locked) is None:
            raise Invalid("Set up an authenticator app first.")
        codes = _renew_codes(locked)
        record(
            Event.SECOND_FACTOR_CODES,
            organization_id=locked.organization_id,
            actor=actor,
            subject=member_row.subject_of(locked),
            data={"recovery_codes": len(codes)},
        )
    return codes


def spend(member: Member, code: str, *, actor: Actor) -> str:
    """Take a code of the app or a recovery code, once; returns which it was (APP, RECOVERY), empty for neither.

    Two tries with the same code at once: the member's row is locked, so one of them finds it spent.
    """
    with tenancy.change(member.organization_id):
        locked = member_row.lock(member)
        row = of(locked)
        if row is None or len(code) > _CODE_LENGTH_MAX:
            return ""
        secret = sealing.open_(locked.organization_id, _place(row), bytes(row.secret_sealed))
        step = _step(secret, code, after=row.last_step)
        if step is not None:
            SecondFactor.objects.filter(organization=locked.organization_id, pk=row.pk).update(last_step=step)
            return APP
        return RECOVERY if _spend_recovery(locked, code, actor) else ""


def remove(member: Member, *, actor: Actor, reason: str = "") -> bool:
    """Forget the member's app and recovery codes; tells whether there was one.

    Where somebody else did it, the member is written to: it is what a thief would ask an administrator for.
    """
    with tenancy.change(member.organization_id):
        locked = member_row.lock(member)
        if not SecondFactor.objects.filter(organization=locked.organization_id, member=locked).delete()[0]:
            return False
        RecoveryCode.objects.filter(organization=locked.organization_id, member=locked).delete()
        record(
            Event.SECOND_FACTOR_REMOVE,
            organization_id=locked.organization_id,
            actor=actor,
            subject=member_row.subject_of(locked),
            data={"reason": reason},
        )
        if actor.id != str(locked.pk) and locked.email:
            mail.queue(
                locked.organization_id, kind="second_factor_removed", about=locked.pk, to=locked.email,
                subject="Your second factor was removed",
                body=f"{actor.label or actor.kind} removed the authenticator app of {locked.user_name}, and its recovery codes.\n\n"
                "Whoever knows your password comes in with it alone until you set up an app again.\n"
                "If you did not ask for this, tell your administrator now.\n",
            )  # fmt: skip
    return True


def _offer(member: Member, issuer: str, secret: bytes, sealed: str) -> Offer:
    """Write the secret as the key URI that every app reads (first Google Authenticator's)."""
    text = b32encode(secret).decode()
    label = quote(f"{issuer}:{member.user_name}", safe="")
    query = urlencode({"secret": text, "issuer": issuer, "digits": DIGITS, "period": STEP_SECONDS})
    return Offer(text, f"otpauth://totp/{label}?{query}", sealed)


def _step(secret: bytes, code: str, *, after: int) -> int | None:
    """Return the time step that the code belongs to, if it is later than `after` and no more than one from now."""
    digits = "".join(code.split())
    if len(digits) != DIGITS or not (digits.isascii() and digits.isdigit()):
        return None
    clock = TOTP(secret, step=STEP_SECONDS, digits=DIGITS)
    clock.time = time.time()
    return clock.t() if clock.verify(int(digits), tolerance=DRIFT_STEPS, min_t=after + 1) else None


def _renew_codes(member: Member) -> list[str]:
    RecoveryCode.objects.filter(organization=member.organization_id, member=member).delete()
    codes = [
        "".join(secrets.choice(_ALPHABET) for _ in range(_RECOVERY_LENGTH)) for _ in range(RECOVERY_CODES)
    ]
    now = timezone.now()
    RecoveryCode.objects.bulk_create(
        RecoveryCode(
            organization_id=member.organization_id, member=member, digest=_digest(code), created_at=now
        )
        for code in codes
    )
    return ["-".join(code[at : at + 4] for at in range(0, _RECOVERY_LENGTH, 4)) for code in codes]


def _spend_recovery(member: Member, code: str, actor: Actor) -> bool:
    mine = RecoveryCode.objects.filter(
        organization=member.organization_id, member=member, spent_at__isnull=True
    )
    if not mine.filter(digest=_digest(code)).update(spent_at=timezone.now()):
        return False
    record(
        Event.SECOND_FACTOR_RECOVERY,
        organization_id=member.organization_id,
        actor=actor,
        subject=member_row.subject_of(member),
        data={"left": mine.count()},
    )
    return True


def _digest(code: str) -> bytes:
    """Return the digest of a recovery code however it was typed; 80 random bits need no slow hash."""
    return hashlib.sha256("".join(code.lower().replace("-", " ").split()).encode()).digest()


def _opened(member: Member, sealed: str) -> bytes | None:
    """Return the secret of an offer to this member that is still good."""
    if not sealed or len(sealed) > _OFFER_LENGTH_MAX:
        return None
    try:
        stamped = sealing.open_(member.organization_id, _place_of_offer(member), urlsafe_b64decode(sealed))
    except (sealing.UnsealError, NoBase64, ValueError):
        return None
    (made_at,) = struct.unpack(">Q", stamped[:8])
    return stamped[8:] if time.time() - made_at <= OFFER_SECONDS else None


def _place(row: SecondFactor) -> str:
    return f"second_factor:{row.pk}:secret"


def _place_of_offer(member: Member) -> str:
    return f"member:{member.pk}:second_factor_offer"
