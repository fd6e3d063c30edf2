"""`Idempotency-Key` on a POST: whoever sends the same call again gets the first one's answer, and it happened once.

The call's changes and its kept answer are one transaction, so neither exists without the other, whatever dies in between. A refused call
changed nothing and keeps nothing: sent again, it is tried again. What a call must ask of somebody else's server is asked between two
transactions (identity.outside), of which the second decides.
Why: docs/decisions/idempotency-keys.md.
"""

import hashlib
import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.db import connection
from django.utils import timezone
from django.utils.crypto import salted_hmac
from rest_framework.exceptions import APIException
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from audit.json_text import canonical
from identity import organizations, secrets, tenancy
from identity.answers import KEPT
from identity.api.authentication import Caller, caller_of
from identity.errors import Invalid
from identity.models import KeptAnswer, Organization
from identity.outside import Outside

HEADER: Final = "Idempotency-Key"
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_PLACE: Final = "identity_keptanswer:{}:body"
_TRY_LOCK: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 7240))"

Post = Callable[..., Any]


class InProgress(APIException):
    """The first call with this key is still at work."""

    status_code = 409
    default_detail = "The first call with this Idempotency-Key is still running: send it again in a moment."
    default_code = "idempotency_in_progress"
    wait = 1


class KeyReused(APIException):
    """The key belongs to another call."""

    status_code = 422
    default_detail = (
        "This Idempotency-Key was sent with another call or another body: use a new key for each call."
    )
    default_code = "idempotency_key_reused"


def once(post: Post) -> Post:
    """Return the `post` of a view so that it honours the header."""

    @wraps(post)
    def answer(view: Any, request: Request, *args: Any, **kwargs: Any) -> Any:
        key = request.headers.get(HEADER)
        if key is None:
            answered = post(view, request, *args, **kwargs)
            return answered.then(answered.outcome()) if isinstance(answered, Outside) else answered
        if not _KEY.fullmatch(key):
            raise Invalid(
                "An Idempotency-Key is up to 255 printable characters without spaces.", field=HEADER
            )
        caller = caller_of(request)
        assert caller is not None  # noqa: S101 - nobody unknown gets past the permissions
        home = _home(caller)
        with tenancy.change(home):
            answered = _once(caller, key, request, lambda: post(view, request, *args, **kwargs))
        if not isinstance(answered, Outside):
            return answered
        outcome = answered.outcome()
        # Whoever sent the same meanwhile has asked too; one of both goes on.
        with tenancy.change(home):
            return _once(caller, key, request, lambda: answered.then(outcome))

    return answer


def _once(
    caller: Caller, key: str, request: Request, run: Callable[[], Response | Outside[Any]]
) -> Response | Outside[Any]:
    """Return the kept answer, or run and keep what it answers. What is to be asked outside first is nothing to keep."""
    home, name = _home(caller), _name(caller)
    key_digest = hashlib.sha256(key.encode()).digest()
    with connection.cursor() as cursor:
        cursor.execute(_TRY_LOCK, [f"{home.pk} {name} {key_digest.hex()}"])
        if not cursor.fetchone()[0]:
            raise InProgress
    mine = KeptAnswer.objects.filter(organization=home, caller=name, key_digest=key_digest)
    request_digest = _digest(request)
    kept = mine.first()
    if kept is not None and timezone.now() - kept.answered_at < KEPT:
        if bytes(kept.request_digest) != request_digest:
            raise KeyReused
        body = secrets.open_(home.pk, _PLACE.format(kept.pk), bytes(kept.body_sealed))
        return Response(json.loads(body), status=kept.status, headers={"Idempotency-Replayed": "true"})
    mine.delete()
    response = run()
    if isinstance(response, Outside):
        return response
    made = KeptAnswer(
        organization=home, caller=name, key_digest=key_digest, request_digest=request_digest, status=response.status_code,
        answered_at=timezone.now(),
    )  # fmt: skip
    made.body_sealed = secrets.seal(
        home.pk, _PLACE.format(made.pk), JSONRenderer().render(response.data) or b"null"
    )
    made.save(force_insert=True)
    return response


def _home(caller: Caller) -> Organization:
    """Return the caller's own organization; the operator token of the environment is the operators'. Raises Invalid."""
    home = caller.organization or organizations.operating()
    if home is None:
        raise Invalid(
            "There is no operating organization yet to keep the answer in: leave the key out.", field=HEADER
        )
    return home


def _name(caller: Caller) -> str:
    if caller.token is not None:
        return f"token:{caller.token.pk}"
    return f"{caller.kind}:{caller.actor.id}"


def _digest(request: Request) -> bytes:
    """Return what tells this call from another one, keyed with the server's secret."""
    text = canonical([request.method, request.get_full_path(), request.data])
    return salted_hmac("identity.api.idempotency", text, algorithm="sha256").digest()
