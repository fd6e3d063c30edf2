"""Say what an identity provider means that answers without signing anybody in (SAML core 3.2.2.2).

Why: docs/decisions/saml-foreign-identity-providers.md.
"""

from typing import Final

from saml.names import SAMLP, STATUS_SUCCESS
from saml.refusals import Refused
from saml.xml import Element

CODE_CHARACTERS_MAX: Final = 200
_PREFIX: Final = STATUS_SUCCESS.removesuffix("Success")
# The more telling second level first; the rest is told apart by its text alone, which stands in the detail.
_CODES: Final = {
    "AuthnFailed": "status_authn_failed",
    "InvalidNameIDPolicy": "status_name_id_policy",
    "NoAuthnContext": "status_authn_context",
    "NoPassive": "status_passive",
    "RequestDenied": "status_denied",
    "RequestUnsupported": "status_request",
    "UnknownPrincipal": "status_denied",
    "UnsupportedBinding": "status_request",
    "VersionMismatch": "status_request",
}
# Nothing but "Requester" is what AD FS, Keycloak and SimpleSAMLphp say of a request that they do not accept.
_BARE_REQUESTER: Final = "status_request"


def check(root: Element) -> None:
    """Return for a success alone; nothing else is read from a response that is none.

    Refuses: structure, status, or a code that begins with `status_` where the answer says more. Codes count in SAML's
    own namespace only, whatever a product has invented beside them.
    """
    outer = root.find(f"{{{SAMLP}}}Status/{{{SAMLP}}}StatusCode")
    if outer is None:
        raise Refused("structure", "no status")
    if outer.get("Value") == STATUS_SUCCESS:
        return
    inner = outer.find(f"{{{SAMLP}}}StatusCode")
    values = [outer.get("Value", ""), "" if inner is None else inner.get("Value", "")]
    names = [value.removeprefix(_PREFIX) for value in values if value.startswith(_PREFIX)]
    code = next((_CODES[name] for name in reversed(names) if name in _CODES), "status")
    if code == "status" and names == ["Requester"] and inner is None:
        code = _BARE_REQUESTER
    message = _message(root)
    said = [value[:CODE_CHARACTERS_MAX] for value in (*values, message) if value]
    raise Refused(code, " / ".join(said))


def _message(root: Element) -> str:
    """Return the StatusMessage: its text, or the attribute in which Auth0's library for Node (samlp) writes it."""
    found = root.find(f"{{{SAMLP}}}Status/{{{SAMLP}}}StatusMessage")
    return "" if found is None else str(found.text or found.get("Value") or "").strip()


def is_theirs(code: str) -> bool:
    """Whether the identity provider itself, and not a check of ours, refused the sign-in."""
    return code == "status" or code.startswith("status_")
