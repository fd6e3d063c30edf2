"""What PostgreSQL holds for SAML: tenants apart, both ends in one organization, no change without an entry."""

from django.db import migrations

from audit.schema import tenant_table

CONNECTION = {"connection_id": "saml_connection"}
MEMBER = {"member_id": "identity_member"}


class Migration(migrations.Migration):
    dependencies = (("saml", "0001_initial"), ("identity", "0003_tree"))
    operations = (
        *tenant_table("saml_connection", ignore=("tested_at",)),
        *tenant_table("saml_idpcertificate", refers=CONNECTION),
        *tenant_table("saml_keypair", refers=CONNECTION),
        *tenant_table(
            "saml_attempt",
            refers=CONNECTION | MEMBER,
            ignore=("consumed_at", "attributes_sealed", "name_id_sealed"),
        ),
        # A spent assertion gives nobody anything; the entry is the sign-in's or the refusal's.
        *tenant_table("saml_spentassertion", refers=CONNECTION, audited=False),
        *tenant_table("saml_subjectlink", refers=CONNECTION | MEMBER),
    )
