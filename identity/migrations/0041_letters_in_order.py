"""An organization's letters are listed by its own: all of them, or those of one state."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("identity", "0040_sessions_by_end"),)
    operations = (
        migrations.AddIndex(
            "OutgoingMail", models.Index(fields=["organization", "id"], name="outgoing_mail_in_order")
        ),
        migrations.AddIndex(
            "OutgoingMail", models.Index(fields=["organization", "state", "id"], name="outgoing_mail_state")
        ),
    )
