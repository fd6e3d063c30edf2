"""Directories that say what nobody can keep: the run ends, says why, and puts nobody out; no worker comes back to it for ever."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from identity import sync_runs, tenancy
from identity.models import Run
from tasks.connectors.faults import Misconfigured, NotUnderstood, Unreachable
from tasks.connectors.interface import End, Group, Membership, Page, Person, Unreadable
from tasks.sync import claim
from tests.conftest import SETUP
from tests.sync.scripted import crowd, go_on, person, run, states

NUL, HALF, LONG = "a\0b", "a\ud800b", "x" * 2_000_000
WHOLE = End(whole=True)
SAYS = {
    "id": lambda text: Page([*crowd(10), Person(text, "odd@acme.example")], end=WHOLE),
    "user_name": lambda text: Page([*crowd(10), Person("odd", text)], end=WHOLE),
    "profile": lambda text: Page([*crowd(10), Person("odd", "odd", {"title": text})], end=WHOLE),
    "profile_name": lambda text: Page([*crowd(10), Person("odd", "odd", {text: "x"})], end=WHOLE),
    "version": lambda text: Page([*crowd(10), person("odd", version=text)], end=WHOLE),
    "group_id": lambda text: Page(crowd(10), [Group(text, "Odd")], end=WHOLE),
    "group_name": lambda text: Page(crowd(10), [Group("odd", text)], end=WHOLE),
    "membership_group": lambda text: Page(crowd(10), memberships=[Membership(text, "p00")], end=WHOLE),
    "membership_member": lambda text: Page(
        crowd(10), [Group("g", "G")], [Membership("g", text), Membership("g", "p00")], end=WHOLE
    ),
    "removed": lambda text: Page(crowd(10), removed=[text], end=WHOLE),
    "removed_group": lambda text: Page(crowd(10), removed_groups=[text], end=WHOLE),
    "present": lambda text: Page(crowd(10), present=[text], end=WHOLE),
    "unreadable": lambda text: Page(crowd(10), unreadable=[Unreadable(text, text)], end=WHOLE),
    "incomplete": lambda text: Page(crowd(10), end=End(whole=True, incomplete=text)),
    "fault": NotUnderstood,
    "fault_of_setting": Misconfigured,
}


@pytest.mark.parametrize("text", [NUL, HALF, LONG], ids=["nul", "half", "long"])
@pytest.mark.parametrize("place", SAYS)
def test_text_that_cannot_be_kept_ends_in_a_report(hr, script, place, text):
    script.pages = [SAYS[place](text)]
    made = run(hr)
    assert made.state in {"done", "failed"}, (made.state, made.fault_sentence)
    assert {states(hr)[f"p{place:02}"] for place in range(10)} == {"active"}
    if made.state == "failed":
        assert made.fault_sentence
        assert len(made.fault_sentence) <= 1000


def test_a_run_over_which_worker_after_worker_dies_ends(hr, script):
    made = sync_runs.ask(hr.directory, actor=SETUP)
    for _ in range(9):
        with time_machine.travel(timezone.now() + timedelta(hours=1)):
            assert claim.take(made.organization_id, made.pk) is not None
        with tenancy.of(made.organization_id):
            Run.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    made = go_on(made)
    assert (made.state, made.fault) == ("failed", "workers_died")
    assert str(made.pk) in made.fault_sentence


def test_a_run_that_comes_further_may_lose_a_worker_now_and_then(hr, script):
    script.pages = [Page([one], checkpoint={"page": place + 1}) for place, one in enumerate(crowd(10))]
    script.pages.append(Unreachable("Broken off."))
    made = sync_runs.ask(hr.directory, actor=SETUP)
    for _ in range(7):
        assert claim.take(made.organization_id, made.pk) is not None
        with tenancy.of(made.organization_id):
            Run.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    made = go_on(made)
    assert (made.state, made.fault, made.attempts) == ("fetching", "unreachable", 1)
