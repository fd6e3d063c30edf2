"""Attributes that every resource has without its schema naming them (RFC 7643 §3.1)."""

from scim.schemas.attribute import Attribute

SCHEMAS = Attribute(
    "schemas", "URNs of the schemas present.", "reference", multi_valued=True, case_exact=True, returned="always",
    reference_types=("uri",),
)  # fmt: skip
ID = Attribute(
    "id", "Our identifier; never changes.", case_exact=True, mutability="readOnly", returned="always",
    uniqueness="server",
)  # fmt: skip
EXTERNAL_ID = Attribute("externalId", "The identity provider's own identifier.", case_exact=True)
META = Attribute(
    "meta",
    "When and where the resource came to be.",
    "complex",
    mutability="readOnly",
    sub_attributes=(
        Attribute("resourceType", "User or Group.", case_exact=True, mutability="readOnly"),
        Attribute("created", "When it was created.", "dateTime", mutability="readOnly"),
        Attribute("lastModified", "When it last changed.", "dateTime", mutability="readOnly"),
        Attribute("location", "Its address.", "reference", case_exact=True, mutability="readOnly",
                  reference_types=("uri",)),
        Attribute("version", "Its ETag.", case_exact=True, mutability="readOnly"),
    ),
)  # fmt: skip

COMMON = (SCHEMAS, ID, EXTERNAL_ID, META)
