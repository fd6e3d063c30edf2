"""Five at once against several server processes, as an identity provider pushes a group: nobody is lost, no circle is made."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from django.db import connections

from audit.models import Entry
from identity import tenancy
from identity.models import Group, Link, Member, Membership, Nesting, PendingMembership, Stretch, StretchStep
from tasks.jobs import scim as jobs
from tests.conftest import ROOT
from tests.identity.test_lock_order import WAITING
from tests.ports import free_port
from tests.scim.talk import PATCH
from tests.waiting import PATIENCE, eventually, once

AT_ONCE = 5


@pytest.fixture(scope="module")
def address(environment, shared_db) -> Iterator[str]:
    """Give the address of SCIM on three server processes, as production runs them.

    They start on empty tables: with an old entry of another file that still waits for its number they would never say that they are ready.
    """
    port = free_port()
    command = [
        sys.executable, "-m", "granian", "config.wsgi:application", "--interface=wsgi", "--host=127.0.0.1", f"--port={port}",
        "--workers=3", "--blocking-threads=4",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=5) as client:
            assert eventually(lambda: process.poll() is not None or not not_ready(client)), not_ready(client)
        assert process.poll() is None, "the server ended"
        yield f"http://127.0.0.1:{port}/scim/v2"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(PATIENCE)


def not_ready(client: httpx2.Client) -> str:
    """Return what the server says that it lacks; nothing once it is ready."""
    try:
        answer = client.get("/readyz")
    except httpx2.TransportError as error:
        return repr(error)
    return "" if answer.status_code == 200 else answer.text


def at_once(
    address: str, secret: str, requests: list[tuple[str, str, Any]], number: int = AT_ONCE
) -> list[int]:
    """Send the requests so many at a time, each over a connection of its own, and return the statuses."""
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/scim+json"}

    def send(request: tuple[str, str, Any]) -> int:
        method, path, body = request
        return client.request(method, f"{address}{path}", json=body).status_code

    # To make a client takes longer than a request: it reads all certificates of the system.
    unkept = httpx2.Limits(max_keepalive_connections=0)
    with (
        httpx2.Client(headers=headers, limits=unkept, timeout=PATIENCE) as client,
        ThreadPoolExecutor(number) as pool,
    ):
        return list(pool.map(send, requests))


def operation(op: str, *ids: str) -> dict[str, Any]:
    values = [{"value": each} for each in ids]
    return {"schemas": [PATCH], "Operations": [{"op": op, "path": "members", "value": values}]}


def members_of(group: str, organization: Any) -> set[str]:
    with tenancy.of(organization):
        rows = Membership.objects.filter(group=group, ended_at__isnull=True)
        return {str(each) for each in rows.values_list("member_id", flat=True)}


def test_five_at_once_lose_nobody(acme, okta, idp, address):
    people = [idp.create(f"p{number}@example.org")["id"] for number in range(30)]
    group = idp.create_group("Ops", *people[:10])["id"]
    inner = [idp.create_group(f"Inner {number}")["id"] for number in range(5)]
    path = f"/Groups/{group}"
    adds = [("PATCH", path, operation("add", each)) for each in [*people[10:], *inner]]
    removes = [("PATCH", path, operation("remove", each)) for each in people[:10]]
    mixed = [each for pair in zip(adds, removes, strict=False) for each in pair] + adds[len(removes) :]
    assert set(at_once(address, okta.secret, mixed)) == {200}
    assert members_of(group, acme) == set(people[10:])
    with tenancy.of(acme):
        assert {str(row.child_id) for row in Nesting.objects.filter(ended_at__isnull=True)} == set(inner)
        # One for the group itself, and one for each change: none was lost, none counted twice.
        assert Group.objects.get(pk=group).version == 1 + len(mixed)


def test_a_ring_of_five_is_never_closed(acme, okta, idp, address):
    ring = [idp.create_group(f"G{number}")["id"] for number in range(5)]
    ends = zip(ring, ring[1:] + ring[:1], strict=True)
    requests = [("PATCH", f"/Groups/{outer}", operation("add", inner)) for outer, inner in ends]
    assert sorted(at_once(address, okta.secret, requests)) == [200, 200, 200, 200, 400]
    with tenancy.of(acme):
        assert Nesting.objects.filter(ended_at__isnull=True).count() == 4


def test_of_a_crowd_that_is_sent_twice_each_is_created_once(acme, okta, address):
    """Many at once are written together (identity.together), and some of them are told that they are here already."""
    names = [f"p{number}@example.org" for number in range(60)]
    twice = [("POST", "/Users", {"userName": name}) for name in names for _ in range(2)]
    assert sorted(at_once(address, okta.secret, twice, 24)) == [201] * 60 + [409] * 60
    with tenancy.of(acme):
        assert sorted(Member.objects.values_list("user_name", flat=True)) == sorted(names)
        assert Entry.objects.filter(event="member.create").count() == 60


def test_people_and_groups_named_before_they_come_all_join(acme, okta, idp, address):
    """Named for two groups by externalId, then created five at once: everybody is in both, and nobody waits."""
    names = [f"ext-{number}" for number in range(15)]
    outer = [idp.create_group(name, *names)["id"] for name in ("A", "B")]
    people = [
        ("POST", "/Users", {"userName": f"{name}@example.org", "externalId": name}) for name in names[:10]
    ]
    inside = [("POST", "/Groups", {"displayName": name, "externalId": name}) for name in names[10:]]
    mixed = [each for pair in zip(people, inside, strict=False) for each in pair] + people[len(inside) :]
    assert set(at_once(address, okta.secret, mixed)) == {201}
    for group in outer:
        assert len(members_of(group, acme)) == 10
    with tenancy.of(acme):
        assert Nesting.objects.filter(ended_at__isnull=True).count() == 10
        assert not PendingMembership.objects.exists()


def test_who_arrives_while_a_group_is_told_to_await_them_joins_it(acme, okta, idp, address, eraser):
    """Neither request can see the other: the newcomer is held behind the look at who waits, until the group is through."""
    group = idp.create_group("Ops")["id"]
    newcomer = [("POST", "/Users", {"userName": "late@example.org", "externalId": "late"})]
    with ThreadPoolExecutor(1) as pool:
        with eraser.transaction():
            eraser.execute("LOCK TABLE identity_activeperiod IN SHARE MODE")
            creating = pool.submit(at_once, address, okta.secret, newcomer)
            once(lambda: eraser.execute(WAITING).fetchone()[0], creating)
            named = ("PATCH", f"/Groups/{group}", operation("add", "late"))
            assert at_once(address, okta.secret, [named]) == [200]
        assert creating.result(PATIENCE) == [201]
    assert members_of(group, acme) == set()
    assert (jobs.let_in_late(), jobs.let_in_late()) == (1, 0)
    with tenancy.of(acme):
        assert members_of(group, acme) == {str(Member.objects.get(user_name="late@example.org").pk)}
        assert not PendingMembership.objects.exists()


def test_of_deletions_at_once_one_is_done_and_the_others_find_nobody(acme, okta, idp, address):
    people = [idp.create(f"p{number}@example.org")["id"] for number in range(6)]
    group = idp.create_group("Ops", *people)["id"]
    statuses = at_once(
        address, okta.secret, [("DELETE", f"/Users/{each}", None) for each in people for _ in range(AT_ONCE)]
    )
    assert sorted(statuses) == [204] * len(people) + [404] * len(people) * (AT_ONCE - 1)
    assert members_of(group, acme) == set()
    with tenancy.of(acme):
        assert Link.objects.filter(tombstoned_at__isnull=False).count() == len(people)


def test_counts_hold_while_everything_happens_at_once(acme, okta, idp, address, agree):
    ids = [idp.create(f"p{number}@example.org")["id"] for number in range(40)]
    stopped = threading.Event()

    def count():
        try:
            while not stopped.wait(0.01):
                jobs.count_stretches()
        finally:
            connections.close_all()

    def active(value):
        return {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": "active", "value": value}],
        }

    requests = []
    for number, each in enumerate(ids):
        requests += [
            ("POST", "/Users", {"userName": f"n{number}@example.org", "active": number % 2 == 0}),
            ("PATCH", f"/Users/{each}", active(False)),
            ("PATCH", f"/Users/{each}", active(True)),
            ("DELETE", f"/Users/{ids[number // 2]}", None),
        ]
    with ThreadPoolExecutor(1) as pool:
        counting = pool.submit(count)
        try:
            statuses = at_once(address, okta.secret, requests)
        finally:
            stopped.set()
        counting.result(PATIENCE)
    # Each of twenty was deleted twice: once in truth.
    assert statuses.count(204) == 20
    assert agree()[0] == 60
    jobs.count_stretches()
    agree()
    with tenancy.of(acme):
        assert (StretchStep.objects.count(), sum(Stretch.objects.values_list("people", flat=True))) == (0, 60)
