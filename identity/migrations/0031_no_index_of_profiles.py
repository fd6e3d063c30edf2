"""Drop the index over whole profiles: under row-level security no operator of jsonb may use one, so it served nobody and cost every write."""

from django.db import migrations


class Migration(migrations.Migration):
    """One index less; what is looked for by value has its keys (identity_memberkey)."""

    dependencies = [("identity", "0030_more_statistics")]

    operations = [migrations.RemoveIndex(model_name="member", name="member_profile")]
