"""What PostgreSQL holds for places in lists: tenants apart. They are not written to the log of changes: a crash costs a walker a count."""

from django.db import migrations

from audit.schema import isolate, refer


class Migration(migrations.Migration):
    dependencies = (("scim", "0004_walks"), ("identity", "0012_token_look_up"))
    operations = (
        isolate("scim_walk"),
        refer("scim_walk", "directory_id", "identity_directory"),
        migrations.RunSQL("ALTER TABLE scim_walk SET UNLOGGED;", "ALTER TABLE scim_walk SET LOGGED;"),
    )
