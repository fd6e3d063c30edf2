"""The last administrator leaves by a person's hand only if that person says that they mean it; a machine is never refused."""

from contextlib import contextmanager, suppress
from datetime import timedelta
from threading import Barrier, BrokenBarrierError, Thread

import pytest
from django.db import connections
from django.utils import timezone

from audit.models import Entry
from audit.record import Actor
from identity import bulk_access, deadlines, leaving, members, roles, tenancy
from identity.bulk_access import Edit
from identity.errors import LastAdministrator
from identity.models import RoleAssignment
from tests.api.client import token_of
from tests.conftest import SETUP, again, join
from tests.waiting import PATIENCE

WAYS = {
    "suspend": members.suspend,
    "offboard": members.offboard,
    "end": lambda member, **how: deadlines.schedule_end(member, timezone.now() + timedelta(days=1), **how),
    "list": lambda member, **how: leaving.offboard(member.organization, [member.pk], **how),
}


def alarms(organization) -> int:
    with tenancy.of(organization):
        return Entry.objects.filter(event="organization.without_administrator").count()


def test_a_list_that_would_take_every_administrator_at_a_time_to_come_is_refused(acme, ada):
    bob = join(acme, "bob", role="organization_admin")
    with pytest.raises(LastAdministrator):
        leaving.offboard(
            acme,
            [ada.pk, bob.pk],
            at=timezone.now() + timedelta(days=1),
            actor=Actor("member", "0197", "Bob"),
        )
    assert (again(ada).ends_at, again(bob).ends_at) == (None, None)


def test_who_leaves_before_is_no_administrator_who_stays(acme, ada):
    bob, actor = join(acme, "bob", role="organization_admin"), Actor("member", "0197", "Bob")
    tomorrow = timezone.now() + timedelta(days=1)
    deadlines.schedule_end(bob, tomorrow + timedelta(days=1), actor=actor)
    deadlines.schedule_end(ada, tomorrow, actor=actor)
    deadlines.schedule_end(ada, None, actor=actor)
    with pytest.raises(LastAdministrator):
        deadlines.schedule_end(ada, tomorrow + timedelta(days=2), actor=actor)
    assert again(ada).ends_at is None


@pytest.mark.parametrize("kind", ["member", "token", "operator"])
@pytest.mark.parametrize("way", WAYS)
def test_a_person_is_refused_and_nothing_changes(acme, ada, jane, way, kind):
    with pytest.raises(LastAdministrator) as refusal:
        WAYS[way](ada, actor=Actor(kind, "0197", "Somebody"))
    assert refusal.value.field == "despite_last_administrator"
    assert (again(ada).state, again(ada).ends_at) == ("active", None)
    assert alarms(acme) == 0


@pytest.mark.parametrize("way", ["suspend", "offboard", "list"])
def test_a_person_who_means_it_does_it_and_the_operators_hear_of_it(acme, ada, opal, way):
    WAYS[way](ada, actor=Actor("member", "0197", "Somebody"), despite_last_administrator=True)
    assert not again(ada).is_active
    assert alarms(acme) == 1


@pytest.mark.parametrize("kind", ["directory", "connection", "job"])
@pytest.mark.parametrize("way", ["suspend", "offboard"])
def test_a_machine_is_not_refused(acme, ada, way, kind):
    WAYS[way](ada, actor=Actor(kind, "0197", "a machine"))
    assert not again(ada).is_active
    assert alarms(acme) == 1


@pytest.mark.parametrize("way", WAYS)
def test_with_another_administrator_nobody_is_asked(acme, ada, way):
    join(acme, "second@acme.example", role="organization_admin")
    WAYS[way](ada, actor=Actor("member", "0197", "Somebody"))
    assert alarms(acme) == 0


def test_a_suspended_administrator_can_be_offboarded_without_a_word(acme, ada):
    members.suspend(ada, actor=SETUP)
    members.offboard(ada, actor=Actor("member", "0197", "Somebody"))
    assert again(ada).state == "offboarded"


def test_a_list_that_holds_every_administrator_is_refused_as_a_whole(acme, ada):
    second = join(acme, "second@acme.example", role="organization_admin")
    with pytest.raises(LastAdministrator):
        leaving.offboard(acme, [ada.pk, second.pk], actor=Actor("member", "0197", "Somebody"))
    assert again(ada).is_active
    assert again(second).is_active


def test_a_list_that_holds_every_administrator_alarms_once_where_it_is_meant(acme, ada, opal):
    other = join(acme, "anna@acme.example", role="organization_admin")
    how = {"actor": Actor("member", "0197", "Somebody"), "despite_last_administrator": True}
    leaving.offboard(acme, [ada.pk, other.pk], **how)
    assert alarms(acme) == 1


@pytest.mark.parametrize("path", ["suspend", "offboard", "end"])
def test_the_api_asks_for_the_word(acme, ada, path):
    api, address = token_of(ada), f"/organizations/acme/members/{ada.pk}/{path}"
    body = {"ends_at": (timezone.now() + timedelta(days=1)).isoformat()} if path == "end" else {}
    call = api.put if path == "end" else api.post
    answer = call(address, body)
    assert (answer.status_code, answer.json()["code"]) == (409, "last_administrator")
    assert again(ada).is_active
    assert call(address, body | {"despite_last_administrator": True}).status_code == 200


def test_the_api_asks_for_the_word_for_a_list(acme, ada):
    api = token_of(ada)
    body = {"members": [str(ada.pk)]}
    assert api.post("/organizations/acme/offboardings", body).status_code == 409
    body["despite_last_administrator"] = True
    assert api.post("/organizations/acme/offboardings", body).status_code == 200


PAIRS = {
    "offboard": lambda member, actor: members.offboard(member, actor=actor),
    "suspend": lambda member, actor: members.suspend(member, actor=actor),
    "role": lambda member, actor: roles.replace(member, [], actor=actor),
    "role by list": lambda member, actor: bulk_access.edit(
        member.organization, [Edit(0, member.pk, "organization_admin", "end")], actor=actor
    ),
}


def at_once(acts):
    """Do all of them in threads of their own, none committing before each has begun; returns the refusals."""
    begun, refused = Barrier(len(acts)), []

    def work(act):
        try:
            begun.wait(PATIENCE)
            act()
        except LastAdministrator as refusal:
            refused.append(refusal)
        finally:
            connections.close_all()

    threads = [Thread(target=work, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return refused


def administrators(organization):
    with tenancy.of(organization):
        return RoleAssignment.objects.filter(
            role__name="organization_admin", ended_at__isnull=True, member__state="active"
        ).count()


@pytest.mark.parametrize("second", PAIRS)
@pytest.mark.parametrize("first", PAIRS)
def test_two_who_take_each_other_out_at_once_leave_one(acme, ada, monkeypatch, first, second):
    other = join(acme, "second@acme.example", role="organization_admin")
    person = Actor("member", "0197", "Somebody")
    held = Barrier(2)
    real = tenancy.change

    @contextmanager
    def slow(organization):
        with real(organization):
            yield
            # Both have decided before either commits, if nothing makes one wait for the other.
            with suppress(BrokenBarrierError):
                held.wait(0.5)

    monkeypatch.setattr(tenancy, "change", slow)
    at_once([lambda: PAIRS[first](ada, person), lambda: PAIRS[second](other, person)])
    monkeypatch.undo()
    assert administrators(acme) == 1


def test_two_whom_machines_put_out_at_once_are_told_of(acme, ada, opal):
    other = join(acme, "second@acme.example", role="organization_admin")
    machine = Actor("directory", "0197", "a machine")
    at_once([lambda one=one: members.suspend(one, actor=machine) for one in (ada, other)])
    assert administrators(acme) == 0
    assert alarms(acme) == 1


def test_an_end_that_has_passed_is_refused(acme, ada, jane):
    past = timezone.now() - timedelta(minutes=1)
    answer = token_of(ada).put(f"/organizations/acme/members/{jane.pk}/end", {"ends_at": past.isoformat()})
    assert (answer.status_code, answer.json()["field"]) == (400, "ends_at")
    assert again(jane).ends_at is None
