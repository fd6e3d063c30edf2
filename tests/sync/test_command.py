"""`manage.py rollcall sync`: reads a directory from the command line and says what happened."""

import io

import pytest
import redis
from django.conf import settings as configured
from django.core.management import CommandError, call_command

from identity import pulls, tenancy
from identity.models import Pull
from tests.conftest import SETUP
from tests.sync.conftest import ADA
from tests.sync.scripted import approved, crowd, listing, person, pull_of, run, states
from tests.tasks.test_worker import worker


def rollcall(*arguments):
    out = io.StringIO()
    code = 0
    try:
        call_command("rollcall", "sync", *map(str, arguments), stdout=out)
    except SystemExit as ended:
        code = ended.code
    return code, out.getvalue()


def test_the_first_run_is_shown_and_waits(acme, ada, script):
    pull = pull_of(acme)
    listing(*crowd(2))
    code, said = rollcall("HR")
    assert code == 2
    assert "create p00@acme.example: held" in said
    assert "first run" in said
    assert "ada@acme.example were told" in said
    assert states(pull) == {}


def test_a_run_shows_its_bar_and_its_report(hr):
    listing(*crowd(9), person("p09", active=False), person("x", "ada@acme.example", active=None))
    code, said = rollcall(hr.directory_id)
    assert code == 0
    assert "done [" in said
    assert "1 suspend" in said
    assert "status_unknown" in said
    assert "Nobody counted as absent" in said


def test_a_dry_run_changes_nothing(hr):
    listing(*crowd(9), person("p09", active=False))
    code, said = rollcall("HR", "--dry-run")
    assert (code, states(hr)["p09"]) == (0, "active")
    assert "suspend p09@acme.example (signal)" in said


def test_a_directory_that_cannot_be_read_says_why(hr, script):
    from tasks.connectors.faults import Misconfigured, Unreachable

    script.pages = [Misconfigured("The base leads nowhere.")]
    code, said = rollcall("HR")
    assert (code, "The base leads nowhere." in said) == (1, True)
    script.pages = [Unreachable("It does not answer.")]
    code, said = rollcall("HR")
    assert (code, "It does not answer." in said) == (1, True)


def test_a_name_that_several_have_or_nobody_is_refused(acme, globex, script):
    pull_of(acme)
    pull_of(globex)
    with pytest.raises(CommandError, match="Several"):
        rollcall("HR")
    with pytest.raises(CommandError, match="no such directory"):
        rollcall("Nobody")


def test_a_held_run_is_approved_by_a_person_and_not_here(hr):
    listing(*crowd(4), *[person(f"p{place:02}", active=False) for place in range(4, 10)])
    assert rollcall("HR")[0] == 2
    made = run(hr)
    assert approved(made, ADA).state == "done"


def test_whoever_only_looks_on_leaves_the_work_to_the_workers(acme, environment):
    mapping = {"external_id": "No", "user_name": "Login"}
    pull = pulls.create(acme, kind="csv", name="HR", settings={"mapping": mapping}, actor=SETUP)
    pulls.put_file(pull, b"No,Login\n1,amy\n2,bob\n", "people.csv", actor=SETUP)
    with tenancy.of(acme):
        # The file's own run is for the clock: this one is asked for.
        Pull.objects.update(due_at=None)
    broker = redis.Redis.from_url(configured.REDIS_URL)
    broker.flushdb()
    with worker(environment):
        code, said = rollcall("HR", "--dry-run", "--watch")
    broker.flushdb()
    broker.close()
    assert (code, states(pull)) == (0, {})
    assert "previewed" in said
    assert "2 create" in said
    assert "create amy: waiting" in said
