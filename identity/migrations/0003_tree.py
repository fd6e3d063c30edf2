"""Trees within one organization: a kind's and a resource's parent."""

from django.db import migrations

from audit.schema import refer


class Migration(migrations.Migration):
    dependencies = (("identity", "0002_tenancy_guard"),)
    operations = (
        refer("identity_kind", "parent_id", "identity_kind"),
        refer("identity_resource", "parent_id", "identity_resource"),
    )
