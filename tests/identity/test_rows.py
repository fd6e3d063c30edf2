"""Objects made without Django's own way to them are the same objects."""

import pytest
from django.utils import timezone

from identity import rows
from identity.models import Group, Member

pytestmark = pytest.mark.usefixtures("db")


def test_what_is_made_has_what_django_would_give_it(acme):
    now = timezone.now()
    for model in (Member, Group):
        given = {"organization_id": acme.pk, "created_at": now, "changed_at": now}
        ours, theirs = rows.made(model, **given), model(**given)
        names = {field.attname for field in model._meta.concrete_fields} - {"id"}
        assert {name: getattr(ours, name) for name in names} == {
            name: getattr(theirs, name) for name in names
        }
        assert ours.pk not in {None, theirs.pk}
        assert (ours._state.adding, ours._state.db) == (theirs._state.adding, theirs._state.db)
        assert ours.profile is not rows.made(model, **given).profile


def test_a_name_that_is_no_column_is_refused(acme):
    with pytest.raises(TypeError, match="Member has no organization"):
        rows.made(Member, organization=acme)
