"""The pages of an organization's end: operators suspend, schedule and cancel; the customer sees the day; the proof is found."""

from django.test import Client

from identity import organizations, tenancy
from identity.models import Deletion, Organization
from tests.api.client import recorded
from tests.bundles.conftest import written
from tests.conftest import SETUP
from tests.console.conftest import visit
from tests.deletions.conftest import carried_out, fall_due, fresh, scheduled

PAGE = "/o/acme/deletion"


def state_of(organization):
    with tenancy.everywhere("test"):
        return Organization.objects.get(pk=organization.pk).state


def test_an_operator_suspends_schedules_and_cancels(acme, ada, opal):
    page = visit(opal)
    assert "Suspend it first" in page.get(PAGE).content.decode()
    assert page.post(PAGE, {"confirm": "Acme"}).status_code == 400
    assert page.post("/o/acme/suspend", {"reason": "unpaid"}).status_code == 303
    assert state_of(acme) == "suspended"
    assert "Nobody has exported this organization" in page.get(PAGE).content.decode()
    written(acme)
    assert "The last export is of" in page.get(PAGE).content.decode()
    for wrong in (
        {},
        {"confirm": "acme"},
        {"confirm": " Acme"},
        {"confirm": "Acme", "delete_after": "2026-01-01"},
    ):
        answer = page.post(PAGE, wrong)
        assert answer.status_code == 400, wrong
        assert set(answer.context["form"].errors) <= {"confirm", "delete_after"}
    answer = page.post(PAGE, {"confirm": "Acme", "reason": "contract ended"}, follow=True)
    html = answer.content.decode()
    assert answer.redirect_chain == [(PAGE, 303)]
    assert "The deletion is scheduled, not before" in html
    assert "Acme will be deleted after" in html
    assert "Will be deleted" in page.get("/organizations/").content.decode()
    assert "Scheduled" in page.get("/deletions/").content.decode()
    assert page.post("/o/acme/deletion/cancel").status_code == 303
    assert page.post("/o/acme/deletion/cancel").status_code == 409
    assert "Acme will be deleted" not in page.get(PAGE).content.decode()
    assert page.post("/o/acme/resume").status_code == 303
    assert state_of(acme) == "active"
    assert {
        row["actor"]["kind"]
        for row in recorded(acme, "organization.suspend", "organization.schedule_deletion")
    } == {"operator"}


def test_a_day_that_is_picked_counts_to_its_end(acme, opal):
    organizations.suspend(acme, actor=SETUP)
    assert visit(opal).post(PAGE, {"confirm": "Acme", "delete_after": "2027-03-31"}).status_code == 303
    with tenancy.of(acme):
        assert Deletion.objects.get().delete_after.isoformat().startswith("2027-03-31T23:59:59")


def test_the_operating_organization_offers_nothing(opal):
    html = visit(opal).get("/o/operators/deletion").content.decode()
    assert "can be neither suspended nor deleted" in html
    answer = visit(opal).post("/o/operators/suspend")
    assert answer.status_code == 409


def test_the_customer_sees_the_day_on_every_page_and_can_export(acme, ada, jane):
    scheduled(acme)
    organizations.resume(acme, actor=SETUP)
    for path in ("/o/acme/", "/o/acme/members/", "/o/acme/export/"):
        html = visit(ada).get(path).content.decode()
        assert "Acme will be deleted after" in html, path
        assert "Export everything" in html, path
    assert visit(ada).get(PAGE).status_code == 404
    assert visit(ada).post("/o/acme/deletion/cancel").status_code == 404
    assert visit(ada).get("/deletions/").status_code == 404


def test_the_proof_is_found_when_the_organization_is_gone(acme, opal, eraser):
    done = carried_out(fall_due(eraser, scheduled(acme)))
    page = visit(opal)
    assert page.get(PAGE).status_code == 404
    html = page.get(f"/deletions/{done.pk}/").content.decode()
    assert done.proof_sha256 in html
    assert done.record_hash in html
    assert f"/api/v1/deletions/{done.pk}/proof" in html
    assert page.get(f"/api/v1/deletions/{done.pk}/proof").json() == fresh(done).proof
    assert page.get("/deletions/00000000-0000-0000-0000-000000000000/").status_code == 404
    assert Client().get(f"/deletions/{done.pk}/").status_code == 302
