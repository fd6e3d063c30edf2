"""Erasing a person reaches the floors above the domain: the sign-in log and the log of requests."""

from identity import domains, erasure, members, tenancy
from identity.models import Member
from saml.models import Attempt, SubjectLink
from scim.models import LoggedRequest
from tests.conftest import SETUP
from tests.saml.door import Browser, connect
from tests.scim.talk import Scim


def test_sign_in_log_and_request_log_forget_the_person(acme, okta):
    domains.confirm(domains.claim(acme, "acme.example", actor=SETUP), actor=SETUP)
    idp = Scim(okta)
    ines = idp.post("/Users", {"userName": "ines@acme.example", "externalId": "1"}).body["id"]
    other = idp.post("/Users", {"userName": "otto@acme.example", "externalId": "2"}).body["id"]
    idp.patch(f"/Users/{ines}", {"op": "replace", "path": "title", "value": "CTO"})
    browser = Browser(connect(acme))
    assert browser.sign_in(name_id="ines@acme.example").status_code == 303
    for name in ("ines.two@acme.example", "ines.three@acme.example"):
        idp.patch(f"/Users/{ines}", {"op": "replace", "path": "userName", "value": name})
        assert browser.sign_in(name_id=name, attributes={}).status_code == 303
    hired = idp.post("/Users", {"userName": "ines.two@acme.example", "active": False}).body["id"]
    # Refused under each of the former names: one is nobody's, and one is somebody else's by now.
    for name in ("ines@acme.example", "ines.two@acme.example"):
        assert browser.sign_in(name_id=name, attributes={}).status_code == 403
    with tenancy.of(acme):
        member = Member.objects.get(pk=ines)
    members.offboard(member, actor=SETUP)
    assert browser.sign_in(name_id="ines.three@acme.example", attributes={}).status_code == 403
    erasure.erase(member, actor=SETUP)
    with tenancy.of(acme):
        assert {str(row.resource_id) for row in LoggedRequest.objects.all()} == {other, hired}
        [kept] = Attempt.objects.filter(user_name="ines.two@acme.example")
        assert (kept.code, kept.detail) == ("user_inactive", "suspended")
        for attempt in Attempt.objects.exclude(pk=kept.pk):
            assert attempt.detail == ""
            assert (attempt.user_name, attempt.name_id_sealed, attempt.attributes_sealed, attempt.ip) == (
                "",
                None,
                None,
                "",
            )
        assert SubjectLink.objects.count() == 1
    assert browser.sign_in(name_id="ines.three@acme.example", attributes={}).status_code == 403, (
        "and they do not come in anew"
    )
