"""Leave out of the index of claimed addresses whoever claims none: mostly everybody, and each was a row in it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """The same promise: an empty claim was never like another one."""

    dependencies = (("identity", "0036_stretches_kept"),)
    operations = (
        migrations.RemoveConstraint("member", "member_email"),
        migrations.AddConstraint(
            "member",
            models.UniqueConstraint(
                fields=["organization", "email_claim"],
                condition=models.Q(("state", "offboarded"), _negated=True)
                & models.Q(("email_claim__isnull", False)),
                name="member_email",
            ),
        ),
    )
