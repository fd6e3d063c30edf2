import django.db.models.functions.datetime
import django.utils.timezone
from django.db import migrations, models

from audit.schema import guard

# Columns that say when DNS was asked; whatever follows from its answer has its entry.
ASKING = ("due_at", "checked_at", "failures", "problem")


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0007_leaving"),
    ]

    operations = [
        migrations.AddField(
            model_name="domain",
            name="checked_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="domain",
            name="due_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(),
                default=django.utils.timezone.now,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="domain",
            name="failures",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="domain",
            name="missing_since",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="domain",
            name="problem",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddIndex(
            model_name="domain",
            index=models.Index(
                condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="domain_due_at"
            ),
        ),
        migrations.RunSQL(
            "DROP TRIGGER recorded ON identity_domain; DROP TRIGGER not_truncated ON identity_domain;",
            migrations.RunSQL.noop,
        ),
        guard("identity_domain", ignore=ASKING),
    ]
