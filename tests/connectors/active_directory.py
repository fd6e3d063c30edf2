"""An OpenLDAP that answers like a domain controller where the connector looks: ids, locks, update numbers, deleted objects."""

import base64
import uuid
from datetime import UTC, datetime
from pathlib import Path

from tests.connectors.openldap import SUFFIX

SCHEMA = """
attributetype ( 1.2.840.113556.1.4.2 NAME 'objectGUID'
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.656 NAME 'userPrincipalName' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.2.120 NAME 'uSNChanged' EQUALITY integerMatch ORDERING integerOrderingMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.2.48 NAME 'isDeleted' EQUALITY booleanMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.782 NAME 'objectCategory' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.159 NAME 'accountExpires' EQUALITY integerMatch ORDERING integerOrderingMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.98 NAME 'primaryGroupID' EQUALITY integerMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.146 NAME 'objectSid'
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.868 NAME 'isCriticalSystemObject' EQUALITY booleanMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.1691 NAME 'supportedCapabilities' EQUALITY objectIdentifierMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.38 )
attributetype ( 1.2.840.113556.1.4.115 NAME 'invocationId'
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.716 NAME 'dsServiceName' EQUALITY distinguishedNameMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.717 NAME 'highestCommittedUSN' EQUALITY integerMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.718 NAME 'defaultNamingContext' EQUALITY distinguishedNameMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 SINGLE-VALUE )
objectclass ( 1.2.840.113556.1.5.9 NAME 'user' SUP inetOrgPerson STRUCTURAL
  MAY ( objectGUID $ userAccountControl $ userPrincipalName $ uSNChanged $ isDeleted $ objectCategory $
    accountExpires $ primaryGroupID $ isCriticalSystemObject $ objectSid ) )
objectclass ( 1.2.840.113556.1.5.8 NAME 'group' SUP top STRUCTURAL MUST cn
  MAY ( objectGUID $ objectSid $ uSNChanged $ member $ isDeleted ) )
objectclass ( 1.2.840.113556.1.5.17 NAME 'nTDSDSA' SUP top STRUCTURAL MUST cn MAY invocationId )
"""
NORMAL, DISABLED = 512, 514
SERVICE = f"cn=NTDS Settings,{SUFFIX}"


def guid(number: int) -> uuid.UUID:
    """Return the objectGUID of a person or group."""
    return uuid.UUID(int=0x0102030405060708090A0B0C0D0E0000 + number)


def sid(relative_id: int) -> bytes:
    """Return a security identifier of the domain."""
    return bytes.fromhex("010500000000000515000000a1b2c3d4e5f60718293a4b5c") + relative_id.to_bytes(
        4, "little"
    )


def ticks(moment: datetime) -> int:
    """Return a time as accountExpires has it."""
    return int((moment - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000


def user(
    number: int, usn: int, control: int | None = NORMAL, below: str = f"ou=people,{SUFFIX}", more: str = ""
) -> str:
    """Return a user as LDIF."""
    lines = [
        f"dn: cn=Person {number},{below}",
        "objectClass: user",
        "objectCategory: person",
        f"cn: Person {number}",
        f"sn: Number{number}",
        f"userPrincipalName: person{number}@acme.example",
        _guid_line(number),
        f"uSNChanged: {usn}",
    ]
    return "\n".join(
        [
            *lines,
            *([f"userAccountControl: {control}"] if control is not None else []),
            *([more] if more else []),
        ]
    )


def team(number: int, usn: int, *members: int) -> str:
    """Return a group as LDIF."""
    head = [
        f"dn: cn=Team {number},ou=groups,{SUFFIX}",
        "objectClass: group",
        f"cn: Team {number}",
        _guid_line(number),
        f"objectSid:: {base64.b64encode(sid(1000 + number)).decode()}",
        f"uSNChanged: {usn}",
    ]
    return "\n".join([*head, *(f"member: CN=Person {member},OU=people,{SUFFIX}" for member in members)])


def service(invocation: bytes) -> str:
    """Return the settings of the domain controller as LDIF."""
    return f"dn: {SERVICE}\nobjectClass: nTDSDSA\ncn: NTDS Settings\ninvocationId:: {base64.b64encode(invocation).decode()}"


def deleted_objects() -> str:
    """Return the container of what was deleted as LDIF."""
    return f"dn: cn=Deleted Objects,{SUFFIX}\nobjectClass: nTDSDSA\ncn: Deleted Objects"


def root(folder: Path, highest: int) -> str:
    """Write what the root DSE says beyond a server's own, and return slapd's line for it."""
    path = folder / "root.ldif"
    path.write_text(
        f"dn:\ndsServiceName: {SERVICE}\nhighestCommittedUSN: {highest}\ndefaultNamingContext: {SUFFIX}\n"
        "supportedCapabilities: 1.2.840.113556.1.4.800\n"
    )
    return f"{SCHEMA}\nrootDSE {path}"


def _guid_line(number: int) -> str:
    return f"objectGUID:: {base64.b64encode(guid(number).bytes_le).decode()}"
