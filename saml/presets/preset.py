"""The form that every preset fills in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from saml.snapshot import SignedPolicy
from saml.statuses import is_theirs

# Where a product says who may come to us, nothing is to be found about what it misses in our requests.
_OF_OUR_REQUEST = frozenset(
    {"status_request", "status_authn_context", "status_name_id_policy", "status_passive"}
)


@dataclass(frozen=True, slots=True)
class Preset:
    """One identity provider: defaults of a connection, its words for our values, its places to click."""

    name: str
    label: str
    signed: SignedPolicy = "either"
    """What this product signs as it comes; the import default of a connection."""
    allow_cbc: bool = False
    """Encrypts by AES-CBC inside unsigned responses as it comes."""
    slo_binding: Literal["redirect", "post"] = "redirect"
    signs_out: bool = True
    """Whether the product knows single logout at all."""
    name_id_format: str = ""
    """What a new connection asks for, where the product otherwise sends what identifies nobody well."""
    words: Mapping[str, str] = field(default_factory=dict)
    """Our field (entity_id, acs_url, sls_url, login_url, relay_state) → the name on the product's screen."""
    mapping: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Field of `saml.attributes` → raw names that this product uses."""
    where: Mapping[str, str] = field(default_factory=dict)
    """Refusal code → where to click."""
    traps: tuple[str, ...] = ()
    known_by: tuple[str, ...] = ()
    """Parts of an entity ID by which the product is recognized."""

    def place(self, code: str) -> str:
        """Return where to click for a refusal code, or an empty text; what the product itself refused has one place, or two."""
        if code in _OF_OUR_REQUEST and code not in self.where:
            code = "status_request"
        return self.where.get(code) or (self.where.get("status", "") if is_theirs(code) else "")
