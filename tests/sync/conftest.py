"""The cast of directory sync: a directory that says what the test has it say, and who approves."""

from copy import deepcopy

import pytest

from audit.record import Actor
from tests.conftest import make_acme
from tests.sync import scripted

ADA = Actor("member", "0197-ada", "Ada Admin")


@pytest.fixture
def script(monkeypatch):
    """Give what the scripted directory says next."""
    scripted.install(monkeypatch)
    return scripted.SCRIPT


@pytest.fixture(scope="module")
def settled():
    """Give acme and its directory as the first test of a file made them, and how their rows come back."""
    return []


@pytest.fixture
def acme(request, db, emptying, keep, settled):
    """Give acme, with the directory of `hr` where a test asks for it: the run takes twenty times as long as to bring its rows back."""
    if "hr" not in request.fixturenames:
        return make_acme()
    request.getfixturevalue("script")
    if settled:
        settled[0]()
    else:
        assert not emptying.execute("SELECT FROM identity_organization").fetchall(), (
            "ask for acme first: all that is there is kept"
        )
        acme = make_acme()
        pull = scripted.pull_of(acme)
        scripted.listing(*scripted.crowd(10))
        assert scripted.settle(pull, ADA).state == "done"
        settled.extend((keep(), acme, pull))
    return deepcopy(settled[1])


@pytest.fixture
def hr(acme, settled):
    """Give acme's scripted directory with ten people in it, whose first run was approved."""
    scripted.listing(*scripted.crowd(10))
    return deepcopy(settled[2])


@pytest.fixture
def held(hr):
    """Give the run that would suspend six of the ten, and waits for somebody's word."""
    leavers = [scripted.person(f"p{place:02}", active=False) for place in range(4, 10)]
    scripted.listing(*scripted.crowd(4), *leavers)
    return scripted.run(hr)


@pytest.fixture
def second(acme, hr):
    """Give a second directory that is read, with three people of its own."""
    pull = scripted.pull_of(acme, "Second")
    scripted.listing(*scripted.crowd(3, start=20))
    assert scripted.settle(pull, ADA).state == "done"
    return pull
