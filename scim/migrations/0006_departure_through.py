import django.db.models.deletion
from django.db import migrations, models

from audit.schema import refer


class Migration(migrations.Migration):
    dependencies = (("scim", "0005_walks_guard"), ("identity", "0023_statistics"))
    operations = (
        migrations.AddField(
            "departure",
            "through",
            models.ForeignKey(
                null=True,
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="departures_through",
                to="identity.group",
            ),
        ),
        migrations.AlterField(
            "departure",
            "kind",
            models.TextField(
                choices=[
                    ("suspend", "Suspend"),
                    ("delete", "Delete"),
                    ("delete_held", "Held"),
                    ("leave_group", "Leave"),
                    ("leave_nested_group", "Unnest"),
                ]
            ),
        ),
        refer("scim_departure", "through_id", "identity_group"),
    )
