"""Newcomers are worked out by a thread while those before them are written, and nothing else is different."""

import threading

from audit.models import Entry
from identity import batches, organizations, tenancy
from identity.batches import Arrival
from identity.models import Member
from tasks.sync import apply
from tests.conftest import SETUP, join
from tests.sync.conftest import ADA
from tests.sync.scripted import approved, crowd, listing, pull_of, run, steps


def spied(monkeypatch):
    """Have batches of four, and give the list of who worked out how many."""
    monkeypatch.setattr(apply, "BATCH", 4)
    prepare, seen = batches.prepare, []

    def noted(organization, arrivals, **more):
        seen.append((len(arrivals), threading.current_thread().name.rpartition("_")[0]))
        return prepare(organization, arrivals, **more)

    monkeypatch.setattr(batches, "prepare", noted)
    return seen


def created(acme):
    with tenancy.of(acme):
        rows = Entry.objects.filter(event="member.create", source="sync")
        return list(rows.values_list("subject_id", "request_id", "actor_kind"))


def test_all_but_the_first_batch_are_worked_out_ahead_and_recorded_as_of_the_run(acme, script, monkeypatch):
    seen = spied(monkeypatch)
    listing(*crowd(10))
    held = run(pull_of(acme))
    done = approved(held, ADA)
    assert (done.state, done.applied, done.skipped) == ("done", 10, 0)
    # The first of each turn has nobody before it.
    assert sorted(seen) == sorted([(4, ""), (4, "newcomers"), (2, "newcomers")])
    with tenancy.of(acme):
        ids = {
            str(key)
            for key in Member.objects.filter(links__external_id__startswith="p").values_list("pk", flat=True)
        }
    assert len(ids) == 10
    assert sorted(created(acme)) == sorted((key, str(held.pk), "directory") for key in ids)


def test_a_name_taken_since_the_plan_is_left_out_of_a_batch_that_was_worked_out(acme, script, monkeypatch):
    seen = spied(monkeypatch)
    listing(*crowd(10))
    held = run(pull_of(acme))
    join(acme, "p05@acme.example")
    done = approved(held, ADA)
    assert (done.applied, done.skipped) == (9, 1)
    assert [row for row in steps(done, "external_id", "state", "reason") if row[1] != "applied"] == [
        ("p05", "skipped", "user_name_taken")
    ]
    # Halves of a batch are worked out anew, and the batch after it is not.
    assert sorted(seen) == sorted(
        [(4, ""), (4, "newcomers"), (2, "newcomers"), (2, ""), (1, ""), (1, ""), (2, "")]
    )


def test_what_was_worked_out_before_addresses_became_unique_is_worked_out_anew(acme, script):
    held = run(pull_of(acme))
    arrivals = [Arrival("p", {"emails": [{"value": "P@acme.example"}]}, "p")]
    prepared = batches.prepare(acme, arrivals, actor=SETUP, directory=held.directory)
    organizations.change(acme, email_unique=True, actor=SETUP)
    [made] = batches.create(acme, arrivals, actor=SETUP, directory=held.directory, prepared=prepared)
    with tenancy.of(acme):
        assert Member.objects.get(pk=made.pk).email_claim == "p@acme.example"
