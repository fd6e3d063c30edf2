"""What PostgreSQL holds for the domain: tenants apart, both ends in one organization, no change without an entry."""

from django.db import migrations

from audit.schema import belong, guard, isolate, tenant_table

MEMBER = {"member_id": "identity_member"}


class Migration(migrations.Migration):
    dependencies = (("identity", "0001_initial"), ("audit", "0002_append_only"))
    operations = (
        isolate("identity_organization", "id"),
        guard("identity_organization", column="id"),
        *tenant_table("identity_domain"),
        *tenant_table("identity_member"),
        *tenant_table("identity_activeperiod", refers=MEMBER),
        *tenant_table("identity_invitation", refers=MEMBER),
        *tenant_table("identity_directory", ignore=("last_heard_at",)),
        *tenant_table("identity_link", refers=MEMBER | {"directory_id": "identity_directory"}),
        *tenant_table("identity_group", refers={"directory_id": "identity_directory"}),
        *tenant_table("identity_membership", refers=MEMBER | {"group_id": "identity_group"}),
        *tenant_table(
            "identity_pendingmembership",
            refers={"group_id": "identity_group", "directory_id": "identity_directory"},
            # A value that waits for its person is no access; the entry is written when they join.
            audited=False,
        ),
        *tenant_table("identity_kind"),
        *tenant_table("identity_resource", refers={"kind_id": "identity_kind"}),
        *tenant_table("identity_grant", refers=MEMBER | {"resource_id": "identity_resource"}),
        *tenant_table("identity_role"),
        *tenant_table("identity_roleassignment", refers=MEMBER | {"role_id": "identity_role"}),
        *tenant_table("identity_firstaccess", refers=MEMBER),
        *tenant_table(
            "identity_token", refers=MEMBER | {"directory_id": "identity_directory"}, ignore=("last_used_at",)
        ),
        *tenant_table("identity_session", refers=MEMBER, ignore=("seen_at",)),
        # Its bytes say nothing to anybody without the master key, and no access changes with it.
        belong("identity_datakey"),
        isolate("identity_datakey"),
    )
