"""PATCH touches what it names and nothing else, also while somebody else changes the rest of the same row."""

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import connection

from identity import directories, members, resources, tenancy
from identity.models import Directory
from tests.api.client import token_of
from tests.conftest import SETUP, again
from tests.waiting import once


@pytest.fixture
def held_back(eraser):
    """Give what runs a call beside a block: the call begins in it, and waits for a row that the block has locked."""

    @contextmanager
    def beside(organization, act, call):
        def work():
            try:
                return call()
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as another:
            with tenancy.change(organization):
                act()
                waiting: Future = another.submit(work)
                once(lambda: eraser.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone(), waiting)
            yield waiting.result()

    return beside


def test_two_settings_of_a_directory(acme, ada, okta, held_back):
    api, path = token_of(ada), f"/organizations/acme/directories/{okta.directory.pk}"
    with held_back(
        acme,
        lambda: directories.change(okta.directory, actor=SETUP, settings={"request_log_days": 7}),
        lambda: api.patch(path, {"settings": {"token_days": 3}}),
    ) as answer:
        assert answer.status_code == 200
    with tenancy.of(acme):
        settings = Directory.objects.get(pk=okta.directory.pk).settings
    assert settings == {"request_log_days": 7, "token_days": 3}


def test_the_address_of_a_member_and_the_rest_of_the_profile(acme, ada, jane, held_back):
    api, path = token_of(ada), f"/organizations/acme/members/{jane.pk}"
    with held_back(
        acme,
        lambda: members.change(jane, actor=SETUP, profile={**jane.profile, "title": "Head of bread"}),
        lambda: api.patch(path, {"display_name": "Jane Jameson"}),
    ) as answer:
        assert answer.status_code == 200
    profile = again(jane).profile
    assert (profile["title"], profile["displayName"]) == ("Head of bread", "Jane Jameson")


def test_a_catalogue_sent_twice(acme, ada, held_back):
    api, rows = token_of(ada), [{"kind": "portfolio", "id": name} for name in ("p1", "p2", "p3")]
    with held_back(
        acme,
        lambda: resources.register(acme, rows, actor=SETUP),
        lambda: api.put("/organizations/acme/resources", rows[::-1]),
    ) as answer:
        assert (answer.status_code, answer.json()) == (200, {"created": 0, "changed": 0, "unchanged": 3})
