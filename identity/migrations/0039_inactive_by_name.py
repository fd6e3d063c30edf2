"""Who is suspended, or offboarded, is listed by name and counted along an index of the few who are: the walk by name passes everybody."""

from django.db import migrations, models
from django.db.models import Q
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    dependencies = (("identity", "0038_counted_by_statement"),)
    operations = (
        migrations.AddIndex(
            "Member",
            models.Index(
                "organization",
                "state",
                Lower("display_name"),
                "id",
                condition=~Q(state="active"),
                name="member_inactive_name",
            ),
        ),
    )
