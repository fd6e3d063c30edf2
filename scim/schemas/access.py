"""Rollcall's own extension of User: first permissions, to be written, and what somebody has now, to be read."""

from typing import Final

from scim.schemas.attribute import Attribute, Schema

_SINCE = Attribute("since", "When it was given.", "dateTime", mutability="readOnly")
_ORIGIN = Attribute(
    "origin", "Where it came from.", case_exact=True, mutability="readOnly",
    canonical_values=("admin", "asserted", "connection_default", "directory_default", "organization_default", "invitation"),
)  # fmt: skip


def _read(name: str, description: str) -> Attribute:
    return Attribute(name, description, case_exact=True, mutability="readOnly")


# What is read is not what was written (an administrator may have changed it), so the two have names of their own: a client that
# compares finds what it wrote. And what is read costs a query, so it comes only when it is asked for.
ACCESS_USER: Final = Schema(
    "urn:rollcall:scim:schemas:extension:access:2.0:User",
    "Access",
    "What a person may touch in the product: portfolios and assets, companies, shops and shop countries, and roles",
    (
        Attribute(
            "first", "First permissions: applied once, and the administrators' from then on.", "complex",
            sub_attributes=(
                Attribute("grants", "What is granted, as <kind>:<id>:<permission>: portfolio:nordics:view.", multi_valued=True,
                          case_exact=True),
                Attribute("roles", "Internal names of roles.", multi_valued=True, case_exact=True),
            ),
        ),
        Attribute(
            "grants", "What has been granted to the person and has not ended.", "complex", multi_valued=True, mutability="readOnly",
            returned="request",
            sub_attributes=(
                _read("value", "The grant as <kind>:<id>:<permission>."),
                Attribute("display", "The resource's name and the permission.", mutability="readOnly"),
                _read("kind", "The kind of resource, as portfolio, asset, company, shop or shop_country."),
                _read("resource", "The product's id of the resource."),
                _read("permission", "What may be done with it."),
                _ORIGIN,
                _SINCE,
            ),
        ),
        Attribute(
            "roles", "The person's roles.", "complex", multi_valued=True, mutability="readOnly", returned="request",
            sub_attributes=(
                _read("value", "The role's internal name."),
                Attribute("display", "The role's name for people.", mutability="readOnly"),
                _ORIGIN,
                _SINCE,
            ),
        ),
    ),
)  # fmt: skip
