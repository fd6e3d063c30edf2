"""The enterprise extension of User, RFC 7643 §4.3, as a table."""

from scim.schemas.attribute import Attribute, Schema

ENTERPRISE_USER = Schema(
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    "EnterpriseUser",
    "What an employer knows of a person",
    (
        Attribute("employeeNumber", "Number or code of the employee."),
        Attribute("costCenter", "Cost centre."),
        Attribute("organization", "Organization."),
        Attribute("division", "Division."),
        Attribute("department", "Department."),
        Attribute(
            "manager",
            "The person's manager.",
            "complex",
            sub_attributes=(
                Attribute("value", "The manager's id.", case_exact=True),
                Attribute(
                    "$ref", "The manager's address.", "reference", case_exact=True, reference_types=("User",)
                ),
                # The RFC makes this one read-only; Entra and Okta send it, and lose it if it is refused.
                Attribute("displayName", "The manager's name."),
            ),
        ),
    ),
    # As OneLogin's older connector writes it.
    former_ids=("urn:scim:schemas:extension:enterprise:2.0", "urn:scim:schemas:extension:enterprise:1.0"),
)
