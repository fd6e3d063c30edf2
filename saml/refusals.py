"""The one catalogue of reasons for which a SAML message is refused: code, what it means, what to do about it.

The codes are stable: they stand in the sign-in log, in the record and in the API. Where to click in which
identity provider stands with that provider, in `saml/presets/`.
"""

from saml.advice import CLOCK, LOGOUT, METADATA, RELOAD, Advice

_OURS = "Copy the value again from this connection's page into the identity provider."
_ATTACK = (
    "No identity provider sends this. If it happens again, ask your security team to look at the sign-in log."
)
_RETRY = "Start again from the sign-in link."

CATALOGUE: dict[str, Advice] = {
    # The message as bytes and as a tree
    "too_large": Advice(
        "The message is larger or more deeply nested than any sign-in needs.",
        "Send fewer attributes, above all fewer groups.",
    ),
    "encoding": Advice(
        "The message is not base64 of UTF-8 text.",
        "Let the identity provider send UTF-8; a proxy on the way may have changed the form.",
    ),
    "xml_policy": Advice(
        "The message holds a comment, DOCTYPE, CDATA, processing instruction or a relative namespace.",
        _ATTACK,
    ),
    "malformed_xml": Advice(
        "The message is not well-formed XML.", "The form was cut or changed on its way; try again."
    ),
    "structure": Advice(
        "The message does not have the shape of a SAML response.",
        "Check that the identity provider sends a SAML 2.0 Response by HTTP-POST.",
    ),
    "version": Advice("The message is not SAML 2.0.", "Choose SAML 2.0 in the identity provider."),
    "nested_assertion": Advice("An assertion or response is hidden inside another element.", _ATTACK),
    "duplicate_id": Advice("Two elements carry the same ID.", _ATTACK),
    "signature_count": Advice("An element carries more than one signature.", _ATTACK),
    "assertion_count": Advice(
        "The response holds no assertion, or more than one.",
        "Send exactly one assertion, plain or encrypted.",
    ),
    # Signatures
    "no_trust": Advice("This connection has no signing certificate of its identity provider.", RELOAD),
    "assertion_not_signed": Advice(
        "The assertion is not signed, and this connection asks for it.",
        "Let the identity provider sign assertions, or change what this connection wants signed.",
    ),
    "response_not_signed": Advice(
        "The response is not signed, and this connection asks for it.",
        "Let the identity provider sign responses, or change what this connection wants signed.",
    ),
    "assertion_signature": Advice(
        "The assertion's signature was not made with a key of this connection.", RELOAD
    ),
    "response_signature": Advice(
        "The response's signature was not made with a key of this connection.", RELOAD
    ),
    "reference": Advice("The signature does not cover exactly the element that it stands in.", _ATTACK),
    "transforms": Advice(
        "The signature uses a transform other than enveloped-signature and exclusive canonicalization.",
        "Choose exclusive canonicalization in the identity provider.",
    ),
    "c14n": Advice(
        "The signature uses a canonicalization other than exclusive C14N without comments.",
        "Choose exclusive canonicalization in the identity provider.",
    ),
    "weak_algorithm": Advice(
        "The signature uses an algorithm that is no longer safe, as SHA-1, or not known here.",
        "Choose RSA-SHA256 or better in the identity provider, for signature and digest.",
    ),
    "weak_key": Advice(
        "The signing key is too short: RSA needs 2048 bits, ECDSA 256.",
        "Make a new signing certificate in the identity provider.",
    ),
    # Who sent it, to whom
    "issuer_mismatch": Advice(
        "The message comes from another issuer than this connection's identity provider.",
        "Compare the identity provider's entity ID with this connection's; check that the right tile was used.",
    ),
    "destination": Advice(
        "The response was meant for another address.",
        "Set the ACS URL to the one of this connection. " + _OURS,
    ),
    "destination_missing": Advice(
        "The signed message names no destination.",
        "Let the identity provider send Destination, or waive it for this connection.",
    ),
    "status": Advice(
        "The identity provider refused the sign-in.",
        "Look at the identity provider's own log; often the person is not assigned to the application.",
    ),
    "status_authn_failed": Advice(
        "The person could not sign in at the identity provider, or gave up there.",
        "Let the person try again; the identity provider's own log says what failed, as a password or a second factor.",
    ),
    "status_authn_context": Advice(
        "The identity provider cannot sign people in by the method that this connection asks for.",
        "Take the requested contexts out of this connection, or name one that the identity provider knows.",
    ),
    "status_passive": Advice(
        "The identity provider was to sign the person in without showing a page, and could not.",
        "This connection never asks for that: look for a proxy or a portal that changes the request. "
        + _RETRY,
    ),
    "status_name_id_policy": Advice(
        "The identity provider has no NameID of the format that this connection asks for.",
        "Take the NameID format out of this connection, or set that format up in the identity provider.",
    ),
    "status_denied": Advice(
        "The identity provider does not let this person into the application.",
        "Assign the person, or a group of theirs, to the application in the identity provider.",
    ),
    "status_request": Advice(
        "The identity provider did not accept our request.",
        "Give it this connection's metadata again: most often it does not know our entity ID, ACS URL or certificate. "
        "Its own log says which.",
    ),
    # Encryption
    "no_decryption_key": Advice(
        "The assertion is encrypted, but this connection has no key to open it.",
        "Give this connection's certificate to the identity provider, or switch encryption off there.",
    ),
    "decryption": Advice(
        "The encrypted part cannot be opened.",
        "Give this connection's current certificate to the identity provider as encryption certificate.",
    ),
    "weak_key_transport": Advice(
        "The encryption key is wrapped by RSA 1.5, which is not safe, or by RSA-OAEP with parameters that are not known here.",
        "Choose RSA-OAEP for key transport, with SHA-1 or SHA-256 in it.",
    ),
    "weak_encryption": Advice(
        "The assertion is encrypted with an algorithm that is not allowed here.",
        "Choose AES-128-GCM or AES-256-GCM. Where the identity provider has nothing but Triple DES, switch encryption off there.",
    ),
    "cbc_not_allowed": Advice(
        "The assertion is encrypted with AES-CBC and the response around it is not signed.",
        "Choose AES-GCM, or sign the response, or allow CBC for this connection.",
    ),
    "not_encrypted": Advice(
        "The assertion is not encrypted, and this connection asks for it.",
        "Switch assertion encryption on in the identity provider.",
    ),
    "encrypted_attribute": Advice("Single attributes are encrypted.", "Encrypt the whole assertion instead."),
    # Conditions and confirmation
    "audience_missing": Advice(
        "The assertion names no audience.", "Set the audience to this connection's entity ID. " + _OURS
    ),
    "audience": Advice(
        "The assertion was made for another service.",
        "Set the audience to this connection's entity ID, letter by letter. " + _OURS,
    ),
    "expired": Advice("The assertion is no longer valid.", CLOCK),
    "not_yet_valid": Advice("The assertion is not valid yet.", CLOCK),
    "condition_unknown": Advice(
        "The assertion holds a condition that is not known here.",
        "Remove the custom condition in the identity provider.",
    ),
    "no_bearer": Advice(
        "The assertion holds no bearer confirmation of its subject.",
        "Choose the web browser SSO profile in the identity provider.",
    ),
    "recipient": Advice(
        "The assertion was made for another ACS URL.",
        "Set the recipient to the ACS URL of this connection. " + _OURS,
    ),
    "bearer_no_expiry": Advice(
        "The bearer confirmation has no end.", "Let the identity provider send NotOnOrAfter."
    ),
    "bearer_not_before": Advice(
        "The bearer confirmation has a beginning, which the standard forbids.",
        "Remove NotBefore from the subject confirmation.",
    ),
    "in_response_to": Advice("The response answers a request that is not open in this connection.", _RETRY),
    "unsolicited": Advice(
        "The sign-in began at the identity provider, which this connection does not allow.",
        "Start from this connection's sign-in link, or allow sign-in that begins at the identity provider.",
    ),
    "browser_binding": Advice(
        "The browser did not send the login cookie of the browser that began.",
        "Start again in one browser, at the public address, with cookies allowed.",
    ),
    "request_expired": Advice("The sign-in took too long.", _RETRY),
    "authn_statement": Advice(
        "The assertion does not say that the person signed in.",
        "Choose the web browser SSO profile in the identity provider.",
    ),
    "authn_context": Advice(
        "The person signed in by another method than this connection asks for.",
        "Change this connection's requested context, or the sign-in policy at the identity provider.",
    ),
    "authn_instant": Advice(
        "The person did not sign in anew although this connection asks for it.",
        "Let the identity provider honor ForceAuthn.",
    ),
    "session_expired": Advice(
        "The session at the identity provider is already over.", "Sign in at the identity provider again."
    ),
    "replay": Advice("This response was used before.", _RETRY),
    # The person
    "name_id_missing": Advice(
        "The assertion names no NameID.", "Let the identity provider send a NameID that never changes."
    ),
    "value_too_long": Advice(
        "A NameID or attribute is longer than is kept here.",
        "Send a shorter NameID (at most 1024 characters) and shorter attributes.",
    ),
    "attribute_missing": Advice(
        "An attribute that this connection needs is not in the assertion.",
        "Release the e-mail address, or change the attribute mapping of this connection.",
    ),
    "attribute_invalid": Advice(
        "An attribute does not have the form that its mapping needs.",
        "Compare the attributes received with the attribute mapping of this connection.",
    ),
    "user_inactive": Advice(
        "This person is suspended or offboarded here.",
        "Reactivate the person in the directory, or reinstate them in the console.",
    ),
    "not_invited": Advice(
        "This connection lets only invited people in, and nobody by this name is invited.",
        "Invite the person, or let the directory create them, or change the join policy.",
    ),
    "domain_not_verified": Advice(
        "The e-mail address does not lie in a domain that the organization has proved.",
        "Prove the domain, or allow others for this connection.",
    ),
    "ambiguous_member": Advice(
        "More than one member fits this sign-in.",
        "Give the members different user names, or let the NameID be the user name.",
    ),
    "look_alike": Advice(
        "The name or address that came only looks like that of somebody who is here: some letters are others, or there are other spaces.",
        "Compare the two letter by letter. If one person is meant, write them alike on both sides; if not, somebody poses as another.",
    ),
    "member_linked": Advice(
        "The member who fits is already bound to another identity of this connection.",
        "Whoever was renamed by their directory is bound anew by themselves, once it has sent the new name here; their timeline tells who "
        "wrote it. If a person did, and this is the member, unlink their former identity on the member's page (Single sign-on), then sign "
        "in again. If the identity provider calls everybody by other names now, let people come under them for some days (Other names).",
    ),
    "name_recycled": Advice(
        "The member who is bound to this identity is not called so any more, and somebody else is by now.",
        "If the name is that other one's now, unlink the former holder's identity on their page (Single sign-on), and where two have "
        "exchanged their names, that of both; then everybody signs in under the name they have. If it still is the former holder's, "
        "unlink it and link it to them anew.",
    ),
    "name_left": Advice(
        "Somebody who is a member came under this name until their directory renamed them, and nobody here has it now.",
        "If it is them, let them sign in at the identity provider anew, so that it sends the name that they have now. If it is somebody "
        "new, let the directory bring them first, or invite them.",
    ),
    "identity_taken": Advice(
        "Another member is bound to this identity already.",
        "Sign in at the identity provider as yourself, or let an administrator unlink the other member.",
    ),
    "user_name_taken": Advice(
        "A member with this user name exists and could not be matched.",
        "Link the member by hand, or send another user name.",
    ),
    # The connection
    "not_configured": Advice(
        "This connection has no identity provider yet.", "Load the identity provider's metadata."
    ),
    "start_elsewhere": Advice(
        "Sign-in began here, and this organization lets it begin at its identity provider alone.",
        "Open the application from the identity provider's own page, or allow sign-in that starts here.",
    ),
    "connection_inactive": Advice(
        "This connection is switched off.", "Switch the connection on, or use another sign-in link."
    ),
    "organization_suspended": Advice("The organization is suspended.", "Ask the operator of this server."),
    "email_taken": Advice(
        "Another member has this e-mail address, and the organization wants each address once.",
        "Let the NameID be the user name of the member, or change one of the addresses.",
    ),
    **LOGOUT,
    **METADATA,
}


class Refused(Exception):
    """A message or metadata that is not accepted: `code` is a key of CATALOGUE, `detail` is for administrators."""

    def __init__(self, code: str, detail: str = "") -> None:
        self.code = code
        self.advice = CATALOGUE[code]
        self.detail = detail[:500]
        super().__init__(f"{code}: {detail}" if detail else code)
