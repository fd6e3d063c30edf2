"""A directory that somebody sets up anew or switches off while it is read: what was begun by other settings is not finished by these."""

import pytest

from identity import directories, sync_runs, tenancy
from identity.models import Run
from tasks.connectors.faults import Unreachable
from tasks.connectors.interface import End, Page
from tasks.sync import work
from tests.conftest import SETUP, later_on
from tests.sync.conftest import ADA
from tests.sync.scripted import crowd, events, go_on, listing, person, run, states, steps


def halfway(hr, script):
    """Have half of the directory read, up to a checkpoint."""
    script.pages = [Page(crowd(5), checkpoint={"page": 1}), Unreachable("Nothing.")]
    made = run(hr)
    assert (made.state, made.checkpoint) == ("fetching", {"page": 1})
    return made


def test_a_filter_that_changes_under_way_has_everything_read_anew_and_looked_at(hr, script):
    made = halfway(hr, script)
    directories.change(hr.directory, settings={"filter": "others"}, actor=ADA)
    script.pages = [Page(crowd(5)), Page([*crowd(4, start=5), person("new")], end=End(whole=True))]
    with later_on(hours=1):
        made = go_on(made)
    assert script.asked[-1][0] is None, "its checkpoint is of the former filter"
    assert (made.state, made.held_for[0]["code"]) == ("held", "scope_changed")
    assert "new" not in states(hr)


def test_a_setting_that_says_nothing_about_the_scope_lets_it_go_on(hr, script):
    made = halfway(hr, script)
    directories.change(hr.directory, settings={"colour": "red"}, actor=ADA)
    script.pages = [Page(crowd(5)), Page(crowd(5, start=5), end=End(whole=True))]
    with later_on(hours=1):
        assert go_on(made).state == "done"
    assert script.asked[-1][0] == {"page": 1}


@pytest.mark.parametrize("held", [False, True])
def test_a_directory_that_is_switched_off_stops_where_it_is(hr, acme, script, held):
    listing(*crowd(10, title="Clerk") if held else [*crowd(10), person("new")])
    made = sync_runs.ask(hr.directory, actor=SETUP) if not held else run(hr)
    if held:
        sync_runs.approve(made, made.plan_hash, actor=ADA)
    directories.change(hr.directory, active=False, actor=ADA)
    assert work.turn(made.organization_id, made.pk, seconds=60) is False
    with tenancy.of(acme):
        made = Run.objects.get(pk=made.pk)
    assert (made.state, made.fault, made.applied) == ("cancelled", "switched_off", 0)
    assert [state for *_, state in steps(made)] == (["held"] * 10 if held else [])
    assert "new" not in states(hr)
    assert events(acme)[-1] == "sync.cancel"
