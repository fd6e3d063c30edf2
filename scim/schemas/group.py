"""The core Group schema, RFC 7643 §4.2, as a table."""

from scim.schemas.attribute import Attribute, Schema

MEMBERS = Attribute(
    "members",
    "Who is in the group.",
    "complex",
    multi_valued=True,
    sub_attributes=(
        Attribute("value", "The id of the user or group.", case_exact=True, mutability="immutable"),
        Attribute("$ref", "Its address.", "reference", case_exact=True, mutability="immutable",
                  reference_types=("User", "Group")),
        # Only on request: a name for each of 100,000 members is a join that nobody reads.
        Attribute("display", "Its name.", mutability="readOnly", returned="request"),
        Attribute("type", "User or Group.", mutability="immutable", canonical_values=("User", "Group")),
    ),
)  # fmt: skip

GROUP = Schema(
    "urn:ietf:params:scim:schemas:core:2.0:Group",
    "Group",
    "A group of people",
    (
        Attribute("displayName", "The group's name.", required=True, uniqueness="server", trimmed=True),
        MEMBERS,
    ),
)
