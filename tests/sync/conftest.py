"""The cast of directory sync: a directory that says what the test has it say, and who approves."""

import pytest

from audit.record import Actor
from tests.sync import scripted

ADA = Actor("member", "0197-ada", "Ada Admin")


@pytest.fixture
def script(monkeypatch):
    """Give what the scripted directory says next."""
    scripted.install(monkeypatch)
    return scripted.SCRIPT


@pytest.fixture
def hr(acme, script):
    """Give acme's scripted directory with ten people in it, whose first run was approved."""
    pull = scripted.pull_of(acme)
    scripted.listing(*scripted.crowd(10))
    assert scripted.settle(pull, ADA).state == "done"
    return pull


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
