"""What PostgreSQL holds for SCIM: tenants apart, both ends in one organization, no decision on a burst without an entry."""

from django.db import migrations

from audit.schema import isolate, refer, tenant_table

DIRECTORY = "identity_directory"


class Migration(migrations.Migration):
    dependencies = (("scim", "0001_initial"), ("identity", "0002_tenancy_guard"))
    operations = (
        # A copy of traffic: it gives nobody anything and is forgotten after a while. One is written with every request, so it has no
        # more keys and references than keep it with its directory, which keeps it in its organization.
        isolate("scim_loggedrequest"),
        refer("scim_loggedrequest", "directory_id", DIRECTORY),
        # When the last of it was carried out is told by the entries of the verbs.
        *tenant_table("scim_burst", refers={"directory_id": DIRECTORY}, ignore=("done_at",)),
        # Says what a verb has done whose own entry stands beside it; what becomes of it is the burst's entry, and the verbs'.
        isolate("scim_departure"),
        refer("scim_departure", "directory_id", DIRECTORY),
        refer("scim_departure", "member_id", "identity_member"),
        refer("scim_departure", "group_id", "identity_group"),
        refer("scim_departure", "burst_id", "scim_burst"),
    )
