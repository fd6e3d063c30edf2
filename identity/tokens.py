"""Bearer tokens: shown once, kept as a prefix to find them by and a digest to compare."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from hmac import compare_digest
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Subject, record
from identity import directory_settings, member_row, operators, tenancy, token_owner
from identity.directory_settings import TOKEN_DAYS_MAX
from identity.errors import Invalid
from identity.models import Directory, Member, Organization, Token
from identity.postgresql.flush import Rows, Statement
from identity.roles import CAPABILITIES

_PREFIX_LENGTH = 12
_SECRET_BYTES = 32
_LENGTH_MAX = 200
# As `issue` makes them: whose, the part it is found by, and the secret in URL-safe base64.
_SHAPE = re.compile(rf"rc[dm]_[0-9a-f]{{{_PREFIX_LENGTH}}}_[A-Za-z0-9_-]{{43}}")
_AGE_DAYS_DEFAULT = 365
_OVERLAP_MAX = timedelta(days=30)
_USE_NOTED_EVERY = timedelta(minutes=1)
SCIM_SCOPE = "scim"
# What anybody may let a program do for them: read and change what is theirs to say about themselves (SCIM's /Me).
OWN_PROFILE_SCOPE = "own_profile"
MEMBER_SCOPES = (*CAPABILITIES, OWN_PROFILE_SCOPE)
# By prefix; a token never changes hands between organizations.
_organizations: dict[str, UUID] = {}


@dataclass(frozen=True, slots=True)
class Found:
    """A token that is genuine. `refusal` is empty for a usable one, else why not: expired, revoked, owner_out, organization_suspended."""

    token: Token
    organization: Organization
    refusal: str = ""
    # The rows of what was asked together with the token.
    answer: Rows | None = None

    @property
    def actor(self) -> Actor:
        """Who acts with this token, as the record names them."""
        if self.token.directory_id:
            return Actor(
                "directory",
                str(self.token.directory_id),
                f"{self.token.directory.name} ({self.token.prefix})",
            )
        return Actor("token", str(self.token.pk), f"{self.token.member.user_name} ({self.token.prefix})")


def issue(
    owner: Member | Directory,
    *,
    actor: Actor,
    scopes: list[str] | None = None,
    name: str = "",
    expires_at: datetime | None = None,
    service: bool = False,
) -> tuple[Token, str]:
    """Issue a token and return it with its secret, which is shown this once.

    A directory's token has the scope `scim`; a member's any of `MEMBER_SCOPES`. Without `expires_at` it lives as long as the
    directory's setting says, a member's a year. Raises Invalid.
    `service`: a program works with it, so that it can be handed over when its owner leaves.
    """
    now = timezone.now()
    expires_at = expires_at or now + timedelta(days=_days(owner))
    if not now < expires_at <= now + timedelta(days=TOKEN_DAYS_MAX):
        raise Invalid(f"A token expires in the future and within {TOKEN_DAYS_MAX} days.", field="expires_at")
    is_directory = isinstance(owner, Directory)
    wanted = _scopes(owner, scopes)
    prefix = ("rcd_" if is_directory else "rcm_") + secrets.token_hex(_PREFIX_LENGTH // 2)
    secret = f"{prefix}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    with tenancy.change(owner.organization_id):
        token = Token(
            organization_id=owner.organization_id, prefix=prefix, digest=_digest(secret), name=name, scopes=wanted,
            service=service and not is_directory, created_at=now, expires_at=expires_at,
        )  # fmt: skip
        _give_to(owner, token)
        token.save(force_insert=True)
        record(
            Event.TOKEN_ISSUE,
            organization_id=owner.organization_id,
            actor=actor,
            subject=Subject("token", str(token.pk), prefix),
            data={
                "owner": str(owner.pk),
                "owner_kind": "directory" if is_directory else "member",
                "scopes": wanted,
                "expires_at": expires_at,
                **({"service": True} if token.service else {}),
            },
        )
    return token, secret


def _give_to(owner: Member | Directory, token: Token) -> None:
    """Make the token its owner's. A member is locked until it is written, so that nobody who goes out meanwhile leaves one behind."""
    if isinstance(owner, Directory):
        token.directory = owner
        return
    member = member_row.lock(owner)
    if not member.is_active:
        raise Invalid("Only an active member can have a token.")
    token.member, token.epoch = member, member.session_epoch


def _scopes(owner: Member | Directory, wanted: list[str] | None) -> list[str]:
    choices = (SCIM_SCOPE,) if isinstance(owner, Directory) else MEMBER_SCOPES
    if wanted is None:
        return [SCIM_SCOPE] if isinstance(owner, Directory) else []
    unknown = sorted(set(wanted) - set(choices))
    if unknown:
        message = f"A token of this owner has no scope {unknown[0]}; choose from {', '.join(choices)}."
        raise Invalid(message, field="scopes")
    return list(wanted)


def rotate(token: Token, *, actor: Actor, overlap: timedelta) -> tuple[Token, str]:
    """Issue a successor to a directory's token, with the same name and lifetime; the old one works on for `overlap` (up to 30 days).

    Both are good meanwhile, so that provisioning goes on while somebody pastes the new one. Raises Invalid.
    """
    if not timedelta() <= overlap <= _OVERLAP_MAX:
        raise Invalid(f"Both work for 0 to {_OVERLAP_MAX.days} days.", field="overlap_days")
    with tenancy.change(token.organization_id):
        old = Token.objects.select_for_update(of=("self",)).select_related("directory").get(pk=token.pk)
        now = timezone.now()
        if old.directory is None:
            raise Invalid("Only a directory's token is rotated; issue the person another one.")
        if old.revoked_at is not None or old.expires_at is None or old.expires_at <= now:
            raise Invalid("This token is good for nothing any more: issue another one.")
        made, secret = issue(
            old.directory, actor=actor, name=old.name, expires_at=now + (old.expires_at - old.created_at)
        )
        before, old.expires_at = old.expires_at, min(old.expires_at, now + overlap)
        # Its successor is there: nobody need be warned of its end.
        old.warned_days = 0
        old.save(update_fields=["expires_at", "warned_days"])
        record(
            Event.TOKEN_ROTATE,
            organization_id=old.organization_id,
            actor=actor,
            subject=Subject("token", str(old.pk), old.prefix),
            changes={"expires_at": [before, old.expires_at]} if before != old.expires_at else {},
            data={"successor": str(made.pk)},
        )
    return made, secret


def hand_over(member: Member, heir: Member, *, actor: Actor) -> list[Token]:
    """Give the member's live service tokens to another active member, who owns and answers for them from now on.

    Scopes and the new owner's rights bound what they can do. Raises Invalid, also where one would come to be an operator's.
    """
    with tenancy.change(member.organization_id):
        # Both rows in one order, so that two hand-overs at once don't wait for each other.
        locked = {row.pk: row for row in Member.objects.select_for_update(no_key=True).filter(
            organization=member.organization_id, pk__in=[member.pk, heir.pk]).order_by("pk")}  # fmt: skip
        owner = locked.get(heir.pk)
        if owner is None or owner.pk == member.pk or not owner.is_active:
            raise Invalid("Hand over to another active member of the organization.", field="hand_over_to")
        # It would come to run the whole server, which nobody issued it for: that right has no scope.
        if operators.is_operator(owner) and not operators.is_operator(locked[member.pk]):
            raise Invalid(
                "An operator takes over no token of somebody who is none: issue another one.",
                field="hand_over_to",
            )
        handed = list(
            Token.objects.filter(
                organization=member.organization_id, member=member, service=True, revoked_at__isnull=True
            )
        )
        Token.objects.filter(
            organization=member.organization_id, pk__in=[token.pk for token in handed]
        ).update(member=owner, epoch=owner.session_epoch)
        for token in handed:
            record(
                Event.TOKEN_HAND_OVER,
                organization_id=member.organization_id,
                actor=actor,
                subject=Subject("token", str(token.pk), token.prefix),
                changes={"owner": [str(member.pk), str(owner.pk)]},
            )
    return handed


def revoke(token: Token, *, actor: Actor, reason: str = "") -> None:
    """Revoke the token: the next request with it is refused."""
    with tenancy.change(token.organization_id):
        revoked = Token.objects.filter(
            organization=token.organization_id, pk=token.pk, revoked_at__isnull=True
        ).update(revoked_at=timezone.now())
        if revoked:
            record(
                Event.TOKEN_REVOKE,
                organization_id=token.organization_id,
                actor=actor,
                subject=Subject("token", str(token.pk), token.prefix),
                data={"reason": reason},
            )


def find(secret: str, asking: Statement | None = None) -> Found | None:
    """Return the token of this secret, usable or not, or None for a secret that we never issued.

    `asking` travels with the question for the token: SQL in which tenancy.ORGANIZATION, DIRECTORY and TOKEN stand for the token's own.
    A wrong secret makes it ask for nobody: PostgreSQL sets the three only if the digest is right. We compare the digest once more, in
    constant time, before anything is answered.
    """
    prefix, _, rest = secret.rpartition("_") if len(secret) <= _LENGTH_MAX else ("", "", "")
    head = prefix_of(secret)
    if not rest or not prefix or not secret.startswith(("rcd_", "rcm_")):
        return None
    digest = _digest(secret)
    token, answer = token_owner.looked_up(head, digest, asking)
    if token is None:
        return None
    if not compare_digest(bytes(token.digest), digest):
        return None
    if head not in _organizations:
        if len(_organizations) >= token_owner.KNOWN_MAX:
            _organizations.clear()
        _organizations[head] = token.organization_id
    return Found(token, token.organization, _refusal(token), answer)


def is_whole(secret: str) -> bool:
    """Tell whether a secret looks like one that we issue, with nothing cut off and nothing added when it was copied."""
    return _SHAPE.fullmatch(secret) is not None


def organization_of(secret: str) -> UUID | None:
    """Return whose token this looks like, of those that were genuine here before; nothing may be let be done for it."""
    return _organizations.get(prefix_of(secret))


def prefix_of(secret: str) -> str:
    """Return the part of a secret by which its token is known."""
    return secret[: 4 + _PREFIX_LENGTH]


def note_use(token: Token) -> None:
    """Remember when the token was last used, to the minute; within a transaction once that is through, since others wait for its row."""
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at >= _USE_NOTED_EVERY:
        if tenancy.connection.in_atomic_block:
            transaction.on_commit(partial(note_use, token))
            return
        with tenancy.of(token.organization_id):
            Token.objects.filter(organization=token.organization_id, pk=token.pk).update(last_used_at=now)


def _days(owner: Member | Directory) -> int:
    if isinstance(owner, Member):
        return _AGE_DAYS_DEFAULT
    days: int = directory_settings.effective(owner.settings)["token_days"]
    return days


def _refusal(token: Token) -> str:
    if token.expires_at is not None and token.expires_at <= timezone.now():
        return "expired"
    if token.revoked_at is not None:
        return "revoked"
    if token.organization.state != Organization.State.ACTIVE:
        return "organization_suspended"
    if token.member is not None and (not token.member.is_active or token.member.session_epoch != token.epoch):
        return "owner_out"
    if token.directory is not None and not token.directory.active:
        return "owner_out"
    return ""


def _digest(secret: str) -> bytes:
    """Return SHA-256 of the secret: its 256 random bits withstand guessing without a slow hash."""
    return hashlib.sha256(secret.encode()).digest()
