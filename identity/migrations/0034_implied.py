"""Drop what other keys imply: each index and each check of a reference is paid for with every row of a large import."""

from typing import Final

from django.db import migrations

from audit.schema import anchor, belong

# Rows that cannot be without a member (a step: without its run) *of the same organization*, by their composite reference: whether that
# organization exists was asked again for each of them. And nothing refers to them, so nobody needs (organization_id, id) as a key.
IMPLIED: Final = (
    "identity_activeperiod", "identity_firstaccess", "identity_link", "identity_membership", "identity_step",
)  # fmt: skip
# A function with a setting of its own is called for each row; without one the planner takes its query into the trigger's. Its only callers
# set the path themselves.
INLINED: Final = "ALTER FUNCTION identity_keys_of(jsonb) RESET search_path"
CALLED: Final = "ALTER FUNCTION identity_keys_of(jsonb) SET search_path = public"


def without(table: str) -> list[migrations.RunSQL]:
    """Take the table's reference to its organization and its unused key away."""
    return [
        migrations.RunSQL(made.reverse_sql, made.sql)
        for made in (belong(table), anchor(table))
        if made.reverse_sql
    ]


class Migration(migrations.Migration):
    """The same promises, each kept once."""

    dependencies = (("identity", "0033_token_stamp"),)
    operations = (
        *(operation for table in IMPLIED for operation in without(table)),
        migrations.RunSQL(INLINED, CALLED),
    )
