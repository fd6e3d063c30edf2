"""Every way out × everything that it must do, each with a thousand sessions and a thousand tokens, in one transaction."""

import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from audit.json_text import canonical
from audit.record import Actor
from identity import (
    access,
    deadlines,
    grants,
    groups,
    invitations,
    leaving,
    links,
    members,
    organizations,
    receipts,
    resources,
    roles,
    sessions,
    tenancy,
    tokens,
)
from identity.access import Question
from identity.grants import GrantSpec
from identity.models import Member, Organization, Session, Token
from tasks.jobs import leavers
from tests.api.client import operator, recorded, token_of
from tests.conftest import SETUP, ScimClient, later_on, make_acme, make_ada, scim_client
from tests.console.conftest import visit
from tests.scim.talk import PATCH, Scim
from tests.sync import scripted

THOUSAND = 1000


@dataclass
class Scene:
    """Acme, its administrator, and Jane, whom Okta and the HR directory know, with all that somebody can hold."""

    organization: Organization
    ada: Member
    jane: Member
    client: ScimClient
    pull: object
    settings: object = None
    cookie: str = ""
    secret: str = ""

    @property
    def okta(self):
        return Scim(self.client)

    @property
    def path(self):
        return f"/organizations/acme/members/{self.jane.pk}"


def by_console(scene):
    page = f"/o/acme/members/{scene.jane.pk}/offboard"
    assert visit(scene.ada).post(page, {"reason": "left"}).status_code == 303


def by_console_suspended(scene):
    page = f"/o/acme/members/{scene.jane.pk}/suspend"
    assert visit(scene.ada).post(page, {"reason": "leave"}).status_code == 303


def by_api(scene):
    assert token_of(scene.ada).post(f"{scene.path}/offboard", {}).status_code == 200


def by_api_suspended(scene):
    assert token_of(scene.ada).post(f"{scene.path}/suspend", {}).status_code == 200


def by_api_of_an_operator(scene):
    assert operator(scene.settings).post(f"{scene.path}/offboard", {}).status_code == 200


def by_list(scene):
    answer = token_of(scene.ada).post("/organizations/acme/offboardings", {"members": [str(scene.jane.pk)]})
    assert answer.status_code == 200, answer.content


def by_command_line(_scene):
    call_command("rollcall", "offboard", "acme", "jane@acme.example", "--yes")


def by_end_date(scene):
    deadlines.schedule_end(scene.jane, timezone.now() + timedelta(hours=1), actor=SETUP)
    with later_on(hours=2):
        assert leavers.scheduled_ends() == 1


def by_planned_list(scene):
    leaving.offboard(scene.organization, [scene.jane.pk], at=timezone.now() + timedelta(hours=1), actor=SETUP)
    with later_on(hours=2):
        assert leavers.scheduled_ends() == 1


def by_scim_delete(scene):
    assert scene.okta.delete(f"/Users/{scene.jane.pk}").status == 204


def by_scim_patch(scene):
    operation = {"op": "replace", "value": {"active": False}}
    assert scene.okta.patch(f"/Users/{scene.jane.pk}", operation).status == 200


def by_scim_patch_as_entra_does(scene):
    operation = {"op": "Replace", "path": "active", "value": "False"}
    assert scene.okta.patch(f"/Users/{scene.jane.pk}", operation).status == 200


def by_scim_put(scene):
    user = "urn:ietf:params:scim:schemas:core:2.0:User"
    body = {"schemas": [user], "userName": "jane@acme.example", "active": False}
    assert scene.okta.send("PUT", f"/Users/{scene.jane.pk}", body).status == 200


def by_scim_bulk(scene):
    operation = {
        "method": "PATCH", "path": f"/Users/{scene.jane.pk}",
        "data": {"schemas": [PATCH], "Operations": [{"op": "replace", "path": "active", "value": False}]},
    }  # fmt: skip
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [operation]}
    assert scene.okta.post("/Bulk", body).body["Operations"][0]["status"] == "200"


def by_sync(scene):
    scripted.listing(scripted.person("1", "jane@acme.example", active=False))
    person = Actor("member", str(scene.ada.pk), "Ada Admin")
    assert scripted.settle(scene.pull, person).state == "done"


# way → (what somebody or something does, the state that it leads to)
WAYS = {
    way.__name__.removeprefix("by_"): (way, state)
    for state, ways in {
        "offboarded": (
            by_console, by_api, by_api_of_an_operator, by_list, by_command_line, by_end_date, by_planned_list, by_scim_delete,
        ),
        "suspended": (
            by_console_suspended, by_api_suspended, by_scim_patch, by_scim_patch_as_entra_does, by_scim_put, by_scim_bulk, by_sync,
        ),
    }.items()
    for way in ways
}  # fmt: skip


def make_scene():
    """Make acme, its administrator, and Jane, whom both directories know."""
    acme = make_acme()
    ada, okta = make_ada(acme), scim_client(acme, "okta")
    resources.register(acme, [{"kind": "portfolio", "id": "p1"}], actor=SETUP)
    pull = scripted.pull_of(acme)
    scripted.listing(scripted.person("1", "jane@acme.example"))
    assert scripted.settle(pull, Actor("member", str(ada.pk), "Ada Admin")).state == "done"
    with tenancy.change(acme):
        jane = Member.objects.get(user_name="jane@acme.example")
        links.make(jane, okta.directory, "00u1")
        members.change(jane, profile={**jane.profile, "title": "Trader"}, actor=SETUP)
    return Scene(acme, ada, jane, okta, pull)


def make_equipped():
    """Make the same, where Jane has a thousand sessions and tokens, and one of everything else."""
    scene = make_scene()
    jane, now = scene.jane, timezone.now()
    grants.replace(jane, [GrantSpec("portfolio", "p1", "edit")], actor=SETUP)
    roles.replace(jane, ["auditor"], actor=SETUP)
    groups.create(scene.organization, display_name="Staff", members=[str(jane.pk)], actor=SETUP)
    invitations.create(scene.organization, "jane@acme.example", actor=SETUP)
    with tenancy.change(scene.organization):
        jane.refresh_from_db()
        later = now + timedelta(days=1)
        Session.objects.bulk_create(
            Session(
                organization=scene.organization, member=jane, digest=number.to_bytes(32), epoch=jane.session_epoch,
                started_at=now, seen_at=now, expires_at=later,
            )
            for number in range(THOUSAND - 1)
        )  # fmt: skip
        Token.objects.bulk_create(
            Token(
                organization=scene.organization, member=jane, prefix=f"rcm_{number}", digest=b"", epoch=jane.session_epoch,
                created_at=now, expires_at=later,
            )
            for number in range(THOUSAND - 1)
        )  # fmt: skip
        scene.cookie = sessions.start(jane, actor=SETUP)[1]
        scene.secret = tokens.issue(jane, scopes=["members.read"], actor=SETUP)[1]
    return scene


@pytest.fixture
def bring(db, once, monkeypatch, settings):
    scripted.install(monkeypatch)
    return lambda make: replace(once(make), settings=settings)


@pytest.fixture
def scene(bring):
    return bring(make_scene)


@pytest.fixture
def equipped(bring):
    scene = bring(make_equipped)
    assert next_requests(scene) == (200, 200, True)
    return scene


def next_requests(scene):
    """Tell what the next request of the session and of the token is answered, and whether access is allowed."""
    browser = Client()
    browser.cookies[settings.SESSION_COOKIE_NAME] = scene.cookie
    asked = access.check(scene.organization, [Question(scene.jane.pk, "edit", "portfolio", "p1")])[0]
    return (
        browser.get("/api/v1/me").status_code,
        Client().get("/api/v1/me", headers={"Authorization": f"Bearer {scene.secret}"}).status_code,
        asked.allowed,
    )


@pytest.mark.parametrize("way", WAYS)
def test_every_way_out_shuts_every_door_in_one_transaction(equipped, eraser, way):
    scene, (act, state) = equipped, WAYS[way]
    act(scene)
    assert next_requests(scene) == (401, 401, False)
    jane = scene.jane
    with tenancy.of(scene.organization):
        jane.refresh_from_db()
        opened = {
            "grants": grants.open_grants(jane).count(),
            "roles": jane.role_assignments.filter(ended_at__isnull=True).count(),
            "groups": jane.memberships.filter(ended_at__isnull=True).count(),
            "invitations": scene.organization.invitations.filter(withdrawn_at__isnull=True).count(),
            "periods": jane.active_periods.filter(ended_at__isnull=True).count(),
        }
    out_for_good = state == "offboarded"
    kept = 0 if out_for_good else 1
    assert jane.state == state
    assert opened == {"grants": kept, "roles": kept, "groups": kept, "invitations": kept, "periods": 0}
    assert roles.capabilities_of(jane) == frozenset()
    # One transaction: PostgreSQL's own word for who wrote the rows last.
    written = eraser.execute(
        "SELECT count(DISTINCT xmin::text) FROM ("
        " SELECT xmin FROM identity_session WHERE member_id = %(jane)s AND ended_at IS NOT NULL"
        " UNION ALL SELECT xmin FROM identity_token WHERE member_id = %(jane)s AND revoked_at IS NOT NULL"
        " UNION ALL SELECT xmin FROM identity_member WHERE id = %(jane)s) AS written",
        {"jane": jane.pk},
    ).fetchone()
    closed = eraser.execute(
        "SELECT (SELECT count(*) FROM identity_session WHERE member_id = %(jane)s AND ended_at IS NOT NULL),"
        " (SELECT count(*) FROM identity_token WHERE member_id = %(jane)s AND revoked_at IS NOT NULL)",
        {"jane": jane.pk},
    ).fetchone()
    assert (written, closed) == ((1,), (THOUSAND, THOUSAND))
    told = recorded(scene.organization, "session.end", "token.revoke")
    assert len(told) == 1000  # the page's limit; the rest follows behind it
    assert len({line["actor"]["id"] for line in told}) == 1
    if out_for_good:
        (receipt,) = receipts.of_member(jane)
        assert (len(receipt.body["ended"]["sessions"]), len(receipt.body["ended"]["tokens"])) == (
            THOUSAND,
            THOUSAND,
        )
        assert hashlib.sha256(canonical(receipt.body)).hexdigest() == receipt.digest
        assert recorded(scene.organization, "member.offboard")[0]["data"]["receipt"] == receipt.digest
    else:
        assert receipts.of_member(jane) == []
        assert len(recorded(scene.organization, "member.suspend")) == 1


@pytest.mark.parametrize("way", [way for way, (_, state) in WAYS.items() if state == "suspended"])
def test_whoever_is_suspended_by_any_way_is_offboarded_after_the_grace(scene, way):
    grants.replace(scene.jane, [GrantSpec("portfolio", "p1", "edit")], actor=SETUP)
    WAYS[way][0](scene)
    with later_on(days=31):
        assert leavers.grace_ends() == 1
    with tenancy.of(scene.organization):
        assert Member.objects.get(pk=scene.jane.pk).state == "offboarded"
        assert grants.open_grants(scene.jane).count() == 0


def test_a_suspended_organization_keeps_everybody_out_and_everything_as_it_is(equipped):
    organizations.suspend(equipped.organization, actor=SETUP)
    assert next_requests(equipped) == (401, 401, False)
    organizations.resume(equipped.organization, actor=SETUP)
    assert next_requests(equipped) == (200, 200, True)
