"""Who may have a bundle: whoever may see everything of the organization, and operators; over the API and in the console."""

import hashlib
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from identity import bundles, organizations, roles, tenancy
from identity.models import Bundle
from tasks.bundles import write
from tests.api.client import operator, recorded, token_of
from tests.bundles.conftest import fresh, written
from tests.conftest import SETUP, join
from tests.console.conftest import visit


def test_an_administrator_asks_follows_and_downloads(acme, ada):
    api = token_of(ada)
    answer = api.post("/organizations/acme/bundles", {})
    assert (answer.status_code, answer.json()["state"]) == (202, "writing")
    path = f"/organizations/acme/bundles/{answer.json()['id']}"
    assert api.post("/organizations/acme/bundles", {}).status_code == 409
    assert api.get(f"{path}/file").status_code == 404
    write(str(acme.pk), answer.json()["id"])
    shown = api.get(path).json()
    assert (shown["state"], shown["asked_by"]["kind"]) == ("ready", "token")
    answer = api.get(f"{path}/file")
    content = b"".join(answer.streaming_content)
    assert hashlib.sha256(content).hexdigest() == shown["sha256"]
    assert int(answer["Content-Length"]) == shown["size"] == len(content)
    assert answer["Content-Disposition"].startswith('attachment; filename="acme-')
    assert [row["actor"] for row in recorded(acme, "bundle.download")] == [shown["asked_by"]]
    assert [each["id"] for each in api.get("/organizations/acme/bundles").json()["items"]] == [shown["id"]]
    assert api.delete(path).json()["state"] == "discarded"
    assert api.get(f"{path}/file").status_code == 404


@pytest.mark.parametrize("lacking", bundles.NEEDS)
def test_whoever_lacks_one_capability_gets_none(acme, ada, lacking):
    bundle = written(acme)
    some = sorted({*bundles.NEEDS} - {lacking})
    roles.define(acme, "nearly", capabilities=some, actor=SETUP)
    nearly = join(acme, "nearly@acme.example", role="nearly")
    api, page = token_of(nearly, *some), visit(nearly)
    for path in ("", f"/{bundle.pk}", f"/{bundle.pk}/file"):
        assert api.get(f"/organizations/acme/bundles{path}").status_code == 403
    assert api.post("/organizations/acme/bundles", {}).status_code == 403
    assert api.delete(f"/organizations/acme/bundles/{bundle.pk}").status_code == 403
    assert page.get("/o/acme/export/").status_code == 403
    assert page.get(f"/o/acme/export/{bundle.pk}.zip").status_code == 403
    assert token_of(ada, *some).get(f"/organizations/acme/bundles/{bundle.pk}/file").status_code == 403


def test_rights_are_looked_at_anew_at_each_download(acme, ada):
    """A right that is gone, a member who is out and an organization that is suspended open nothing."""
    bundle = written(acme)
    api, path = token_of(ada), f"/organizations/acme/bundles/{bundle.pk}/file"
    assert api.get(path).status_code == 200
    join(acme, "other@acme.example", role="organization_admin")
    roles.replace(ada, [], actor=SETUP)
    assert api.get(path).status_code == 403
    roles.replace(ada, ["organization_admin"], actor=SETUP)
    organizations.suspend(acme, actor=SETUP)
    assert api.get(path).status_code == 401


def test_an_operator_exports_a_suspended_organization(acme, opal, settings):
    organizations.suspend(acme, actor=SETUP)
    for api in (token_of(opal), operator(settings)):
        answer = api.post("/organizations/acme/bundles", {})
        write(str(acme.pk), answer.json()["id"])
        assert api.get(f"/organizations/acme/bundles/{answer.json()['id']}/file").status_code == 200
    assert {row["actor"]["kind"] for row in recorded(acme, "bundle.ask")} == {"operator"}


def test_the_page_asks_shows_and_hands_out(acme, ada):
    page = visit(ada)
    assert page.post("/o/acme/export/new").status_code == 303
    with tenancy.of(acme):
        bundle = Bundle.objects.get()
    html = page.get("/o/acme/export/").content.decode()
    assert "It waits for a worker" in html
    assert page.post("/o/acme/export/new").status_code == 409
    assert "Being written" in page.get(f"/o/acme/export/{bundle.pk}/progress").content.decode()
    assert page.get(f"/o/acme/export/{bundle.pk}.zip").status_code == 409
    write(str(acme.pk), str(bundle.pk))
    bundle = fresh(bundle)
    html = page.get("/o/acme/export/").content.decode()
    assert bundle.sha256 in html
    answer = page.get(f"/o/acme/export/{bundle.pk}.zip")
    assert hashlib.sha256(b"".join(answer.streaming_content)).hexdigest() == bundle.sha256
    with time_machine.travel(timezone.now() + timedelta(days=8)):
        # The session is over too by then: its own organization's page is what an operator would still see.
        assert fresh(bundle).expires_at < timezone.now()
    assert page.post(f"/o/acme/export/{bundle.pk}/discard").status_code == 303
    assert page.get(f"/o/acme/export/{bundle.pk}.zip").status_code == 409


def test_nothing_of_another_organizations_bundle(acme, ada, gus, globex):
    bundle = written(acme)
    assert token_of(gus).get(f"/organizations/globex/bundles/{bundle.pk}/file").status_code == 404
    assert token_of(gus).get(f"/organizations/acme/bundles/{bundle.pk}/file").status_code == 404
    assert visit(gus).get(f"/o/globex/export/{bundle.pk}.zip").status_code == 404
