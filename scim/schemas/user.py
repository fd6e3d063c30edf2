"""The core User schema, RFC 7643 §4.1, as a table."""

from scim.schemas.attribute import Attribute, Schema, value_list

_NAME = Attribute(
    "name",
    "The parts of the person's name.",
    "complex",
    sub_attributes=(
        Attribute("formatted", "The whole name, ready to be shown."),
        Attribute("familyName", "Family name."),
        Attribute("givenName", "Given name."),
        Attribute("middleName", "Middle names."),
        Attribute("honorificPrefix", "What stands before the name, as a title."),
        Attribute("honorificSuffix", "What stands after the name."),
    ),
)
_ADDRESSES = Attribute(
    "addresses",
    "Postal addresses.",
    "complex",
    multi_valued=True,
    sub_attributes=(
        Attribute("formatted", "The whole address, ready to be shown."),
        Attribute("streetAddress", "Street and number, over several lines if need be."),
        Attribute("locality", "City."),
        Attribute("region", "State or region."),
        Attribute("postalCode", "Postal code."),
        Attribute("country", "Country, as two letters of ISO 3166-1."),
        Attribute("type", "What the address is for.", canonical_values=("work", "home", "other")),
        Attribute("primary", "True on the one address to prefer.", "boolean"),
    ),
)
_GROUPS = Attribute(
    "groups",
    "Groups the person is in; changed through the groups.",
    "complex",
    multi_valued=True,
    mutability="readOnly",
    sub_attributes=(
        Attribute("value", "The group's id.", case_exact=True, mutability="readOnly"),
        Attribute("$ref", "The group's address.", "reference", case_exact=True, mutability="readOnly",
                  reference_types=("Group",)),
        Attribute("display", "The group's name.", mutability="readOnly"),
        Attribute("type", "Member itself, or through another group.", mutability="readOnly",
                  canonical_values=("direct", "indirect")),
    ),
)  # fmt: skip

USER = Schema(
    "urn:ietf:params:scim:schemas:core:2.0:User",
    "User",
    "User Account",  # as RFC 7643 §8.7.1 says it; Microsoft's collection of requests looks for these words
    (
        Attribute("userName", "The name the person signs in with.", required=True, uniqueness="server", trimmed=True),
        _NAME,
        Attribute("displayName", "The name shown to others."),
        Attribute("nickName", "What the person is called casually."),
        Attribute("profileUrl", "A page about the person.", "reference", case_exact=True,
                  reference_types=("external",)),
        Attribute("title", "Job title."),
        Attribute("userType", "The kind of relation, as employee or contractor."),
        Attribute("preferredLanguage", "Preferred language, as in Accept-Language."),
        Attribute("locale", "Locale for numbers, dates and currency, as en-US."),
        Attribute("timezone", "Time zone by its IANA name."),
        # Required, as nobody is without it: it can be left out of a POST, but not be removed.
        Attribute("active", "Whether the person may sign in.", "boolean", required=True, default=True),
        value_list("emails", "E-mail addresses.", ("work", "home", "other")),
        value_list("phoneNumbers", "Telephone numbers.", ("work", "home", "mobile", "fax", "pager", "other")),
        value_list("ims", "Instant messaging addresses."),
        value_list("photos", "Addresses of pictures.", ("photo", "thumbnail"), "reference"),
        _ADDRESSES,
        _GROUPS,
        value_list("entitlements", "What the person is entitled to, in the identity provider's words."),
        value_list("roles", "The person's roles, in the identity provider's words."),
        value_list("x509Certificates", "Certificates of the person.", value_type="binary"),
    ),
)  # fmt: skip
