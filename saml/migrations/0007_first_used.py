from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("saml", "0006_follows"),)
    operations = (migrations.AddField("idpcertificate", "first_used_at", models.DateTimeField(null=True)),)
