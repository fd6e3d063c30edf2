"""By what somebody is recognized at an identity provider: the NameID, or, where that is transient, what stays. Pure."""

import hashlib

from identity.profile import exact, key_of
from saml.attributes import Person
from saml.refusals import Refused
from saml.statements import NameID


def digest_of(name_id: NameID, person: Person) -> bytes:
    """Return what the person is recognized by (SubjectLink.name_id_digest). Refuses: attribute_missing."""
    if not name_id.transient:
        return digest_of_name_id(name_id.value)
    stable = person.user_name or person.email
    if not stable:
        raise Refused("attribute_missing", "the NameID is transient, and no user name or e-mail came with it")
    return _digest(f"attribute:{exact(stable)}")


def digest_of_name_id(value: str) -> bytes:
    """Return what somebody with a NameID that is not transient is recognized by."""
    return _digest(f"name_id:{value}")


def called(name_id: NameID, person: Person) -> str:
    """Return the key of the text that stands behind the digest."""
    return key_of((person.user_name or person.email) if name_id.transient else name_id.value)


def _digest(identity: str) -> bytes:
    return hashlib.sha256(identity.encode()).digest()
