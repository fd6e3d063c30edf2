"""Where to click: for what a client gets wrong, or is refused for, what its administrator can change in that product. One table."""

from typing import Final

# By code of a notice, of a refusal or of a finding of our own; then by product, "" being any other. Where there is nothing to be done
# on the other side, nothing is said.
ADVICE: Final[dict[str, dict[str, str]]] = {
    "operation_case": {
        "entra": "Provisioning › Connectivity: end the Tenant URL with ?aadOptscim062020, and Entra speaks the standard's PATCH.",
        "entra_scim2": "Nothing to do: Provision on demand doesn't use the flag of the Tenant URL; the rounds do.",
    },
    "coerced": {
        "entra": "Add ?aadOptscim062020 to the Tenant URL. For a manager, map it to “urn:…:enterprise:2.0:User:manager”, type Reference.",
        "entra_scim2": "For a manager, map it to “urn:…:enterprise:2.0:User:manager”, type Reference. What comes by Provision on "
        "demand alone needs nothing: it doesn't use the flag of the Tenant URL.",
        "keycloak": "Nothing to do: Keycloak writes true and false as text.",
        "onelogin": "Configuration › SCIM JSON Template: write booleans and numbers without quotation marks.",
        "": "In the attribute mapping, give each attribute the type that /scim/v2/Schemas names.",
    },
    "two_primaries": {"": "In the attribute mapping, let one e-mail address (or phone number) alone be the primary one."},
    "unknown_attribute": {
        "okta": "Applications › this app › Provisioning › To App › Attribute Mappings: unmap the attributes named here.",
        "entra": "Provisioning › Mappings › Provision Users: delete the mappings of the attributes named here.",
        "onelogin": "Configuration › SCIM JSON Template: take out the attributes named here.",
        "": "Take the attributes named here out of the attribute mapping, or define a schema in Rollcall that has them.",
    },
    "nothing_resolved": {
        "okta": "Applications › this app › Provisioning › To App › Attribute Mappings: unmap the attributes named in the answer.",
        "entra": "Provisioning › Mappings: delete the mappings of the attributes named in the answer, or correct their targets.",
        "onelogin": "Configuration › SCIM JSON Template: take out the attributes named in the answer.",
        "": "Take the attributes named in the answer out of the attribute mapping, or define a schema in Rollcall that has them.",
    },
    "value_wrong": {"": "In the attribute mapping, give the attribute named in the answer the type that /scim/v2/Schemas names."},
    "value_too_long": {"": "Shorten the attribute named in the answer at its source, or take it out of the attribute mapping."},
    "read_only": {
        "": "What was left out needs nothing. Where the request was refused, take what the answer names out of the attribute mapping: "
        "Rollcall sets it by itself.",
    },
    "immutable": {"": "Take what the answer names out of the attribute mapping of updates: the organization's schema lets it be set once."},
    "path_syntax": {
        "entra": 'Provisioning › Mappings: correct the target named in the answer; they look like emails[type eq "work"].value.',
        "": 'In the attribute mapping, correct the target named in the answer; targets look like emails[type eq "work"].value.',
    },
    "no_target": {"": "In the attribute mapping, write the target named in the answer without the part in brackets."},
    "target_missing": {
        "": 'In the attribute mapping, choose among values by their type alone, as emails[type eq "work"].value.',
    },
    "filter_unknown": {
        "entra": "Provisioning › Mappings: match objects by userName or externalId.",
        "": "Let the client look people up by userName, externalId or e-mail, and groups by displayName.",
    },
    "filter_syntax": {"": 'Correct the filter in the client\'s settings; it looks like userName eq "jane@example.com".'},
    "filter_too_slow": {"": "Let the client look people up by userName, externalId or e-mail, and groups by displayName."},
    "not_found": {
        "okta": "If this goes on, Okta remembers an id that is gone here: unassign whoever it is about and assign them again; "
        "of a group, Push Groups: unlink it and push it again.",
        "entra": "If this goes on, Entra remembers an id that is gone here. Provisioning › Overview: Restart provisioning.",
        "": "If this goes on, the client remembers an id that is gone here: have it match people and groups anew.",
    },
    "group_cycle": {"": "At the source, take one of the two groups out of the other."},
    "owner_out": {"": "The directory is switched off: switch it on in its settings, or stop provisioning on the other side."},
    "stray_attribute": {
        "entra": "Provisioning › Mappings: choose targets under the enterprise extension's URN, not the bare names.",
        "": "In the attribute mapping, write these attributes under the enterprise extension's URN.",
    },
    "member_pending": {
        "okta": "Assignments: assign the people of the pushed groups to this app as well; it pushes groups with people it never sent.",
        "entra": "Users and groups: assign the people themselves, or groups that hold them directly; nested groups are not read.",
        "": "Give the people of these groups to the application too: whoever is not provisioned cannot be in a group here.",
    },
    "password": {
        "okta": "Nothing to do: Okta sends a placeholder with everybody whom it creates, also where Sync Password is unticked.",
        "": "Switch password synchronisation off. Rollcall keeps no passwords of provisioned people.",
    },
    "password_not_kept": {
        "okta": "Provisioning › To App: untick Sync Password, then Dashboard › Tasks › Retry Selected.",
        "": "Switch password synchronisation off: these requests carry nothing else.",
    },
    "schemas_missing": {
        "onelogin": "Use the connector “SCIM Provisioner with SAML (SCIM v2 Enterprise)”; the older ones name the URNs of SCIM 1.",
    },
    "user_name_taken": {
        "": "Somebody has this name already. If it is the same person, here by hand: prove their e-mail domain in Rollcall, so that this "
        "directory may take them over. From another directory: move them here, on that directory's page, Move people. If it is another "
        "one of this directory: rename one of the two. If a sign-in made somebody under "
        "the new name before this change came: offboard that one. A creation that came twice needs nothing.",
    },
    "email_taken": {
        "": "Two people carry one address, and this organization wants each once: correct one of them at the source.",
    },
    "external_id_taken": {
        "entra": "A creation that came twice needs nothing. Else, Provisioning › Mappings: let externalId come from objectId, which never "
        "repeats.",
        "": "A creation that came twice needs nothing. Else let externalId come from an attribute that is different for everybody and "
        "never changes.",
    },
    "name_taken": {
        "okta": "A creation that came twice needs nothing. Else Push Groups: Refresh App Groups, then push it by name "
        "with Link Group in place of Create Group.",
        "entra": "A creation that came twice needs nothing. Else two assigned groups have the same displayName: rename one, then Provision "
        "on demand.",
        "": "A creation that came twice needs nothing. Else two groups that are pushed have the same name: rename one of them.",
    },
    "offboarded": {
        "": "This person is out for good: an administrator, their last day or the end of the grace period saw to it. Take them out of the "
        "application's assignment, or reinstate them in Rollcall.",
    },
    "suspended_here": {
        "": "An administrator suspended this person by hand, and machines leave it at that: reactivate them on the member's page.",
    },
    "moved_away": {
        "": "An administrator moved this person to another directory of the organization: unassign them from the application here. If that "
        "was a mistake, move them back in Rollcall.",
    },
    "last_administrator": {
        "": "Make somebody else administrator in Rollcall first; then repeat the deactivation.",
    },
    "value_required": {
        "okta": "Sign On › Application username format: choose one that nobody lacks, as Email.",
        "entra": "Provisioning › Mappings: map it from something that nobody lacks, as userPrincipalName.",
        "onelogin": "Parameters › SCIM Username: choose a value that nobody lacks, as Email.",
        "": "Map the attribute named here; people who lack it at the source cannot be created.",
    },
    "required_stays": {
        "": "Map the attribute named here from something that is never empty: nobody can be without it.",
    },
    "empties_group": {
        "": "The request would empty a large group without naming anybody. If that is meant, allow it in the settings of the directory.",
    },
    "access_held": {
        "": "An administrator of Rollcall gave or took this by hand, and machines leave it alone: change it on the member's page.",
    },
    "unknown_access": {
        "": "Compare the values with the names of your roles and with <kind>:<id>:<permission> of your resources, letter by letter.",
    },
    "first_access_over": {
        "": "Nothing, if administrators look after access in Rollcall. If the identity provider is to go on assigning, set the "
        "directory's access_follows.",
    },
    "administrator_kept": {
        "": "Make somebody else administrator in Rollcall first; then take the role from this person on their page.",
    },
    "access_unknown": {
        "okta": "Governance › Entitlements: import again; the role or resource was renamed or retired in Rollcall since.",
        "": "Nothing here has that name: compare the value with /scim/v2/Roles and /scim/v2/Entitlements.",
    },
    "token_expired": {
        "okta": "Issue a token in Rollcall; Provisioning › Integration › Edit: paste it, Test API Credentials, Save.",
        "entra": "Issue a token in Rollcall; Provisioning › Connectivity: paste it as Secret Token, Test Connection, Save.",
        "": "Issue a token in Rollcall and paste it where the old one stands.",
    },
    "token_revoked": {
        "": "Somebody revoked this token. Issue another and paste it where the old one stands; both may live side by side meanwhile.",
    },
    "no_endpoint": {
        "entra": "Tenant URL: it ends with /scim/v2 (and may go on with ?aadOptscim062020), nothing behind.",
        "": "The base address ends with /scim/v2, nothing behind it.",
    },
    "media_type": {"": "Send bodies as application/scim+json."},
    "content_encoding": {"": "Switch the compression of requests off."},
    "body_charset": {"": "Have the client write its requests in UTF-8."},
    "too_many_requests": {
        "": "Nothing is lost: the client comes back. Raise rate_limit in the settings of the directory if this goes on.",
    },
    "version_changed": {"": "Two writers changed the same thing. The client repeats it by itself."},
    "crashed": {"": "A fault of Rollcall's. Give the request's id to whoever runs it."},
    "unavailable": {"": "The database was away. Nothing is lost: the client comes back."},
    # Findings of our own
    "never_heard": {
        "okta": "Provisioning › Integration: paste base address and token, Test API Credentials; then tick what To App is to do.",
        "entra": "Provisioning › Connectivity: paste Tenant URL and Secret Token, Test Connection; then set Provisioning Status to On.",
        "": "Paste the base address and a token of this directory into the identity provider, and have it test the connection.",
    },
    "silent": {
        "entra": "Provisioning › Overview: see whether the job is in quarantine, and Restart provisioning.",
        "okta": "Dashboard › Tasks: see what failed, and Retry Selected.",
        "": "See in the identity provider whether provisioning is still switched on.",
    },
    "other_client": {"": "Choose the product that really calls as this directory's identity provider."},
    "token_expires": {
        "": "Issue a second token now and paste it; the old one keeps working until you revoke it.",
    },
    "burst_held": {"": "Look at who left, then confirm or roll back."},
    "name_id_differs": {
        "okta": "Sign On › Application username format (SCIM) and Name ID value (SAML): choose the same for both.",
        "entra": "Single sign-on › Attributes & Claims › Unique User Identifier: what Provisioning › Mappings sends as userName.",
        "google": "Service provider details › Name ID: Basic Information > Primary email.",
        "": "Send as NameID what is sent as userName (or as externalId).",
    },
    "member_twice": {
        "": "A sign-in made a second member beside the provisioned one. Line NameID and userName up, then offboard the second.",
    },
}  # fmt: skip


def of(code: str, idp: str) -> str:
    """Return what to click for a code in the product of a profile (`entra_scim2` is Entra's too); empty where nothing is to be done."""
    known = ADVICE.get(code, {})
    return known.get(idp) or known.get(idp.partition("_")[0]) or known.get("", "")


# What is put right in Rollcall reaches a product when it sends the same again.
_CURED_HERE: Final = frozenset(
    {"email_taken", "last_administrator", "offboarded", "owner_out", "suspended_here", "user_name_taken"}
)
_AGAIN: Final[dict[str, str]] = {
    "entra": "Then Provision on demand, or wait for the next round.",
    "okta": "Then Dashboard › Tasks › Retry Selected.",
}


def clicks(code: str, idp: str) -> str:
    """Return what stands behind a refusal's sentence for whoever reads it in that product; empty where we know none of its pages."""
    known, product = ADVICE.get(code, {}), idp.partition("_")[0]
    told = known.get(idp) or known.get(product, "")
    again = _AGAIN.get(product, "") if code in _CURED_HERE else ""
    return f"{told} {again}".strip()
