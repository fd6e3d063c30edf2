"""Access tokens for machines: a signed assertion or a secret in, a bearer token out, kept until shortly before it ends."""

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from identity.outbound import Caller
from tasks.connectors.faults import Fault, Misconfigured, NotUnderstood, Unauthorized
from tasks.connectors.http import call, fault_of, json_of

JWT_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523 section 2.2
JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"  # RFC 7523 section 2.1
_ASSERTION_SECONDS: Final = 300
_EARLY_SECONDS: Final = 60
_REFUSED: Final = (400, 401, 403)


def assertion(private_key: str, claims: Mapping[str, Any], header: Mapping[str, Any]) -> str:
    """Return a JWT over the claims, signed by RS256, good for five minutes from now. Raises Misconfigured."""
    # Every process would load it, for the workers that read one of three kinds of directory.
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import RSAKey

    now = int(time.time())
    try:
        key = RSAKey.import_key(private_key)
        return jwt.encode(
            {"alg": "RS256", "typ": "JWT", **header},
            {**claims, "iat": now, "exp": now + _ASSERTION_SECONDS, "jti": str(uuid.uuid4())},
            key,
            algorithms=["RS256"],
        )
    except (JoseError, ValueError) as error:
        raise Misconfigured("The private key cannot be read: it must be an RSA key in PEM.") from error


class Tokens:
    """The tokens of one client at one token address; `form()` gives the request's fields anew each time."""

    def __init__(
        self,
        caller: Caller,
        token_url: str,
        form: Callable[[], Mapping[str, str]],
        refused: Callable[[str, str], Fault] | None = None,
    ) -> None:
        """`refused(error, description)` says in the vendor's words what to do (RFC 6749 section 5.2)."""
        self._caller = caller
        self._url = token_url
        self._form = form
        self._refused = refused or (lambda error, _: Unauthorized(f"No access token was given: {error}."))
        self._value = ""
        self._ends = 0.0

    def authorization(self, renew: bool) -> str:  # noqa: FBT001 - the one argument of Api's callback
        """Return the value of the Authorization header. Raises Fault."""
        if renew or time.monotonic() >= self._ends:
            self._fetch()
        return f"Bearer {self._value}"

    def _fetch(self) -> None:
        answer = call(
            self._caller,
            "POST",
            self._url,
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            content=urlencode(self._form()).encode(),
        )
        if answer.status in _REFUSED:
            said = _said(answer.body)
            raise self._refused(
                str(said.get("error", answer.status))[:100], str(said.get("error_description", ""))[:300]
            )
        problem = fault_of(answer)
        if problem is not None:
            raise problem
        body = json_of(answer)
        if not isinstance(body, dict) or not isinstance(body.get("access_token"), str):
            raise NotUnderstood("The token address gave no access token.")
        self._value = body["access_token"]
        lasts = body.get("expires_in")
        self._ends = time.monotonic() + max((lasts if isinstance(lasts, int) else 0) - _EARLY_SECONDS, 1)


def _said(body: bytes) -> Mapping[str, Any]:
    """Return what a refusal says; nothing where something in between refused."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}
