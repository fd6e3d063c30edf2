"""The cast of directory sync: a directory that says what the test has it say, and who approves."""

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


def make_settled():
    """Make acme and its scripted directory of ten people, and have its first run approved."""
    acme = make_acme()
    pull = scripted.pull_of(acme)
    scripted.listing(*scripted.crowd(10))
    assert scripted.settle(pull, ADA).state == "done"
    return acme, pull


@pytest.fixture
def settled(db, script, once):
    """Give both: the run takes twenty times as long as to bring its rows back."""
    return once(make_settled)


@pytest.fixture
def acme(request, db):
    """Give acme, with the directory of `hr` where a test asks for it."""
    return request.getfixturevalue("settled")[0] if "hr" in request.fixturenames else make_acme()


@pytest.fixture
def hr(settled):
    """Give acme's scripted directory with ten people in it, whose first run was approved."""
    scripted.listing(*scripted.crowd(10))
    return settled[1]


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
