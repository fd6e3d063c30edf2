"""Settings of a directory: only those that exist, only in their shape."""

import pytest

from identity import directories, directory_settings
from identity.errors import Invalid
from tests.conftest import SETUP

LIMIT = {"requests": 10, "seconds": 60}
GUARD = {"members": 50, "percent": 5, "seconds": 3600}

ACCEPTED = [
    {},
    {"rate_limit": None, "burst_guard": None},
    {"rate_limit": LIMIT, "burst_guard": GUARD, "request_log_days": 0, "empties_groups": True},
    {"access_follows": True},
    {"deletes_suspend": True},
    {"burst_guard": {"members": 0, "percent": 0, "seconds": 60}},
]
# settings → the field at fault
REFUSED = [
    ([], "settings"),
    ({"rate_limits": None}, "settings.rate_limits"),
    ({"rate_limit": 5}, "settings.rate_limit"),
    ({"rate_limit": {"requests": 10}}, "settings.rate_limit"),
    ({"rate_limit": LIMIT | {"minutes": 1}}, "settings.rate_limit"),
    ({"rate_limit": LIMIT | {"requests": 0}}, "settings.rate_limit.requests"),
    ({"rate_limit": LIMIT | {"requests": True}}, "settings.rate_limit.requests"),
    ({"rate_limit": LIMIT | {"seconds": 1.5}}, "settings.rate_limit.seconds"),
    ({"burst_guard": False}, "settings.burst_guard"),
    ({"burst_guard": GUARD | {"percent": 101}}, "settings.burst_guard.percent"),
    ({"burst_guard": GUARD | {"seconds": 59}}, "settings.burst_guard.seconds"),
    ({"request_log_days": None}, "settings.request_log_days"),
    ({"request_log_days": 366}, "settings.request_log_days"),
    ({"empties_groups": None}, "settings.empties_groups"),
    ({"access_follows": "yes"}, "settings.access_follows"),
    ({"deletes_suspend": 1}, "settings.deletes_suspend"),
]


@pytest.mark.parametrize("settings", ACCEPTED)
def test_known_settings_are_kept(okta, settings):
    assert directories.change(okta.directory, settings=settings, actor=SETUP).settings == settings


@pytest.mark.parametrize(("settings", "field"), REFUSED)
def test_other_settings_are_refused_by_name(okta, settings, field):
    with pytest.raises(Invalid) as refusal:
        directories.change(okta.directory, settings=settings, actor=SETUP)
    assert refusal.value.field == field


def test_a_new_directory_is_checked_as_well(acme):
    with pytest.raises(Invalid):
        directories.create(acme, name="Okta", settings={"rate_limit": "no"}, actor=SETUP)


def test_what_is_not_set_is_the_default_and_null_is_off():
    assert directory_settings.effective({}) == directory_settings.DEFAULTS
    off = directory_settings.effective({"rate_limit": None})
    assert off["rate_limit"] is None
    assert off["burst_guard"] == GUARD
