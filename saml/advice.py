"""What a refusal code means and what to do about it; here the codes of logout messages and of metadata."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Advice:
    """What a code means and what the administrator should do; both are whole sentences, without secrets."""

    means: str
    fix: str


CLOCK = "Check the identity provider's clock, or raise this connection's clock skew (at most 300 s)."
RELOAD = "Load the identity provider's metadata again, or paste its current signing certificate."

LOGOUT: dict[str, Advice] = {
    "logout_not_signed": Advice(
        "The logout message is not signed.", "Let the identity provider sign logout messages."
    ),
    "logout_signature": Advice(
        "The logout message's signature was not made with a key of this connection.", RELOAD
    ),
    "logout_expired": Advice("The logout message is too old, or of a time that is still to come.", CLOCK),
    "logout_replay": Advice("This logout message was used before.", "Nothing to do."),
}

METADATA: dict[str, Advice] = {
    "metadata_kind": Advice(
        "The metadata does not describe an identity provider.",
        "Use the identity provider's metadata, not the service provider's.",
    ),
    "metadata_page": Advice(
        "This is a web page, not metadata.",
        "Open the address in a browser in which nobody is signed in: it must show XML, not a page of settings or a sign-in.",
    ),
    "metadata_elsewhere": Advice(
        "This is an address or a certificate, not metadata.",
        "An address goes into Metadata address; a certificate into Signing certificate, with entity ID and sign-on address beside it.",
    ),
    "metadata_encoding": Advice(
        "The metadata is UTF-16 text, or no text at all.",
        "Save it as UTF-8, or give its address: Out-File of Windows PowerShell writes UTF-16 unless it is told -Encoding utf8.",
    ),
    "metadata_xml": Advice(
        "The metadata is not well-formed XML, or a value in it is not what it must be.",
        "Download the file again and give it as it is, from the first bracket to the last.",
    ),
    "metadata_many": Advice(
        "The metadata describes more than one identity provider.",
        "Give the entity ID of the one that is meant beside it, or use the metadata of that one alone.",
    ),
    "metadata_large": Advice(
        "The metadata is larger than 2 MiB, as that of a whole federation.",
        "Give the metadata of this one identity provider: it hands out its own, and federations hand out each by itself "
        "(MDQ: an address that ends with its entity ID).",
    ),
    "metadata_many_keys": Advice(
        "The metadata holds more certificates than an identity provider uses.",
        "Give the metadata of this one identity provider, with the certificates that it signs and encrypts with now.",
    ),
    "metadata_bare_key": Advice(
        "The metadata holds a signing key without a certificate around it.",
        "Give the identity provider a certificate for its signing key, and load the metadata again. In LemonLDAP::NG "
        "the certificate stands in the field of the public key.",
    ),
    "metadata_expired": Advice("The metadata says that it is no longer valid.", "Download it again."),
    "metadata_certificate": Advice(
        "A certificate cannot be read.", "Paste the certificate as PEM or as bare base64."
    ),
    "metadata_no_key": Advice(
        "The metadata holds no signing certificate.",
        "Download it again; the application may not be finished in the identity provider.",
    ),
    "metadata_endpoint": Advice(
        "An address is not an https address with a host, or no sign-on address is offered.",
        "Use https (http only on this very machine), and a sign-on address with HTTP-Redirect or HTTP-POST.",
    ),
    "metadata_fetch": Advice(
        "The metadata cannot be loaded from its address.",
        "Open the address in a browser; upload the file instead.",
    ),
    "metadata_waiting": Advice(
        "The metadata is still being loaded from its address.",
        "Send the same again in a few seconds: what was loaded meanwhile is taken. Or upload the file instead.",
    ),
    "metadata_unread": Advice(
        "No worker has begun to load the metadata: Rollcall's worker is busy, or it does not run.",
        "Send the same again in a minute, or upload the file instead; an operator sees on the page Periodic jobs whether the worker runs.",
    ),
    "metadata_busy": Advice(
        "Too many addresses are being loaded for this organization.", "Send the same again in a minute."
    ),
}
