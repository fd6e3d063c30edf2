"""The identity providers as tables: what each of them gets wrong, and where our answers differ by client.

Why: docs/decisions/scim-where-clients-and-rfc-differ.md.
"""

from typing import Literal, NamedTuple


class Profile(NamedTuple):
    """What depends on the client. Everything else is decided by the schema and holds for all."""

    name: str
    label: str
    # Entra wants no member list back; Okta and others read the body of a group's PATCH.
    group_patch_answer: Literal["empty", "body"] = "body"
    # Whether a POST for somebody who is here under the same externalId is the same creation, sent once more because no answer came.
    creates_again: bool = False
    # Whether a PUT of a group without `members` is one of nobody. Others leave the list out when they only rename.
    puts_whole_groups: bool = False
    # Parts of a User-Agent that give the client away. PingFederate and Keycloak can come as Java's own client, which says nothing.
    user_agents: tuple[str, ...] = ()


PROFILES: dict[str, Profile] = {
    each.name: each
    for each in (
        Profile("generic", "Any SCIM 2.0 client"),
        Profile("okta", "Okta, application from its catalogue", user_agents=("okta scim client",)),
        Profile("okta_wizard", "Okta, application from its wizard"),
        Profile("entra", "Microsoft Entra ID", "empty", user_agents=("azure ad",)),
        Profile("entra_scim2", "Microsoft Entra ID with aadOptscim062020", "empty"),
        Profile("onelogin", "OneLogin", user_agents=("onelogin",)),
        Profile("onelogin_old", "OneLogin, its older connector"),
        Profile(
            "ping",
            "PingOne and PingFederate",
            user_agents=("pingone", "pingfederate", "ping identity", "pingidentity"),
        ),
        Profile("jumpcloud", "JumpCloud", user_agents=("jumpcloud",)),
        Profile("google", "Google Workspace", user_agents=("google-auto-provisioning",)),
        Profile("authentik", "authentik", user_agents=("authentik",)),
        Profile("keycloak", "Keycloak", puts_whole_groups=True, user_agents=("keycloak",)),
        Profile("rippling", "Rippling", creates_again=True, user_agents=("rippling",)),
    )
}


def profile_of(idp: str) -> Profile:
    """Return the profile chosen on a directory, the generic one where none is."""
    return PROFILES.get(idp, PROFILES["generic"])


def speaking(user_agent: str, query: str, idp: str) -> Profile:
    """Return the profile of the client that traffic gives away, else the one that is chosen on the directory."""
    return profile_of(seen_in(user_agent, query) or idp)


def seen_in(user_agent: str, query: str) -> str:
    """Return the name of the client that traffic gives away, or "" when it doesn't."""
    if "aadoptscim062020" in query.lower():
        return "entra_scim2"
    agent = user_agent.lower()
    return next(
        (each.name for each in PROFILES.values() if any(one in agent for one in each.user_agents)), ""
    )


class Quirk(NamedTuple):
    """One deviation from the RFCs: who does it, how we know, and what we make of it. Its code appears in the notices."""

    clients: str
    seen: str
    made: str


# Notices that are no deviation: what became of something that was understood.
NOTICES: dict[str, str] = {
    "created_again": "Somebody who is here under this externalId was created once more; they were brought to what was sent.",
    "member_pending": "Members of groups are named who are not here; they join when they arrive.",
    "held_by_administrator": "Access is given or taken on which an administrator has decided; the decision stays.",
    "suspended_here": "Somebody is to be active whom an administrator suspended; they stay out until an administrator lets them in.",
    "unknown_access": "Roles or entitlements are named that do not exist here; nothing was given for them.",
    "first_access_over": "Roles or entitlements came after the first permissions were given; nothing was given or taken for them.",
    "administrator_kept": "Other roles are asserted of the organization's last administrator, who stays administrator beside them.",
    "first_access_unused": "First permissions are sent by a directory that goes on assigning; they count for nothing.",
}

QUIRKS: dict[str, Quirk] = {
    "operation_case": Quirk(
        "Entra without its flag", "operations with a capital, as “Add”, “Replace”, “Remove”", "read in any case of letters"
    ),
    "coerced": Quirk(
        "Entra, Keycloak, OneLogin, Okta",
        "“False” for false; a manager as text or as a list of one; a value in an object; numbers as text; objects as JSON in text",
        "brought to the schema's type",
    ),
    "two_primaries": Quirk("several", "two values with primary:true", "the last one keeps it"),
    "unknown_attribute": Quirk(
        "Entra, OneLogin, Okta", "attributes of the administrator's mapping that no schema has",
        "kept aside with the person, shown to nobody, and said so"
    ),
    "stray_attribute": Quirk(
        "Entra", "attributes of the enterprise extension, as department and manager, without its URN", "put under the extension that has it"
    ),
    "dotted_key": Quirk(
        "Entra with its flag", "keys as “name.givenName”, “urn:…:User:department” or a value path in a path-less operation",
        "read as paths",
    ),
    "read_only": Quirk("Okta, Entra, authentik", "id, meta, groups or display, mostly as they were read before", "left out"),
    "password": Quirk("Okta", "a password, as a placeholder with everybody who is created", "not kept"),
    "remove_by_value": Quirk(
        "Entra without its flag, JumpCloud, authentik", "remove with path “members” and the people in “value”",
        "only those are removed, where the RFC would empty the group",
    ),
    "remove_nothing": Quirk("several", "remove with an empty list in “value”", "nothing is removed"),
    "null_value": Quirk("Entra, Okta", "add or replace with null or an empty list", "read as remove (RFC 7643 section 2.5)"),
    "schemas_missing": Quirk("OneLogin", "no “schemas”, or URNs of SCIM 1", "the address already says what it is"),
    "wrapped_value": Quirk("several", "a path-less operation's object in a list of one", "taken out of the list"),
    "member_reference": Quirk("several", "a member as bare text or by $ref alone", "read as its id"),
    "created_value": Quirk(
        "Entra", 'add or replace on emails[type eq "work"].value where no such value is', "the value is created from the filter"
    ),
}  # fmt: skip
