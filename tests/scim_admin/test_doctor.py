"""The quirk doctor: who calls, what goes wrong, what to click there."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from identity import directories, domains, members, moves, sessions, tenancy, tokens
from identity.models import Member
from identity.move_plan import Wanted
from identity.sessions import SamlOrigin
from scim import advice, doctor
from scim.errors import Code
from scim.profiles import NOTICES, QUIRKS
from tests.api.client import token_of
from tests.conftest import SETUP, later, scim_client
from tests.scim.talk import Scim
from tests.scim_admin.leavers import DOWN, guarded, people

ENTRA = {"User-Agent": "Azure AD Provisioning"}


def examined(client):
    with tenancy.of(client.directory.organization_id):
        return doctor.examine(client.directory)


def found(client):
    return {each.code: each for each in examined(client).findings}


def signed_in(user_name, name_id, organization):
    with tenancy.of(organization):
        member = Member.objects.get(user_name=user_name)
    sessions.start(member, actor=SETUP, saml=SamlOrigin(uuid4(), name_id))
    return member


def test_a_directory_nobody_has_called_with_says_so(okta):
    assert found(okta)["never_heard"].advice.startswith("Provisioning › Integration")


def test_a_healthy_directory_has_no_problems(okta):
    Scim(okta).get("/Users?count=1")
    assert examined(okta).findings == []


def test_who_calls_is_seen_by_the_traffic(okta):
    scim = Scim(okta, **ENTRA)
    scim.get("/Users?count=1")
    scim.get("/Users?count=1")
    (client,) = examined(okta).clients
    assert (client.name, client.user_agent, client.requests) == ("entra", "Azure AD Provisioning", 2)
    finding = found(okta)["other_client"]
    assert "Microsoft Entra ID calls" in finding.title


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Microsoft Azure AD SCIM provisioning 1.2.3", "entra"), ("Okta SCIM client 1.0.0", "okta"), ("PingOne/1.0", "ping"),
        ("PingFederate 12.1", "ping"), ("scim-mapping-job/2", ""), ("Apache-HttpClient/4.5.14 (Java/17.0.9)", ""),
    ],
)  # fmt: skip
def test_nobody_is_taken_for_another_by_half_a_word(acme, agent, name):
    client = scim_client(acme, "generic")
    Scim(client, **{"User-Agent": agent}).get("/Users?count=1")
    assert [each.name for each in examined(client).clients] == [name]
    assert examined(client).findings == []


def test_a_refusal_is_told_without_the_holes_of_its_sentence(okta):
    Scim(okta).create("jane")
    Scim(okta).post("/Users", {"userName": ["a", "b"]})
    assert found(okta)["value_wrong"].title == "“…” must be …"


def test_what_is_bent_is_counted_with_its_places_and_where_to_click(entra):
    scim = Scim(entra, **ENTRA)
    jane = scim.create("jane", schemas=["urn:ietf:params:scim:schemas:core:2.0:User"])
    for value in ("a", "b"):
        scim.patch(f"/Users/{jane['id']}", {"op": "Replace", "path": "title", "value": value})
    scim.patch(
        f"/Users/{jane['id']}",
        {"op": "add", "value": {"shoeSize": 44, "title": "x"}},
        {"op": "add", "value": {"shoeSize": 45, "hat": 7, "title": "x"}},
    )
    findings = found(entra)
    case, unknown = findings["operation_case"], findings["unknown_attribute"]
    assert (case.kind, case.count) == ("notice", 2)
    assert "aadOptscim062020" in case.advice
    assert (unknown.count, unknown.places[0], set(unknown.places)) == (1, "shoeSize", {"shoeSize", "hat"})
    assert "Mappings" in unknown.advice
    assert "problem" not in {each.kind for each in findings.values()}


def test_nobody_is_told_to_set_a_flag_that_is_set(entra):
    scim = Scim(entra, **ENTRA)
    jane = scim.post("/Users?aadOptscim062020", {"userName": "jane"}).body
    shout = {"op": "Replace", "path": "active", "value": "True"}
    scim.patch(f"/Users/{jane['id']}?aadOptscim062020", shout, {"op": "add", "path": "title", "value": "x"})
    findings = found(entra)
    assert {"operation_case", "coerced"} <= findings.keys()
    assert not any("?aadOptscim062020" in each.advice for each in findings.values())


def test_what_a_product_always_sends_is_nothing_to_click(okta):
    """Okta sends a password with everybody it creates, whatever is ticked, and sends back what it has read; clients repeat creations."""
    scim = Scim(okta, **{"User-Agent": "Okta SCIM Client 1.0.0"})
    jane = scim.create("jane", externalId="x1", password="placeholder")
    scim.put(f"/Users/{jane['id']}", jane | {"title": "Head"})
    scim.post("/Users", {"userName": "jane", "externalId": "x1"})
    findings = found(okta)
    assert findings["password"].advice.startswith("Nothing to do")
    assert findings["read_only"].advice.startswith("What was left out needs nothing")
    assert findings["external_id_taken"].advice.startswith("A creation that came twice needs nothing")


def test_whom_another_directory_has_comes_by_moving_them_and_by_no_domain(acme, okta, entra):
    emails = [{"value": "jane@acme.example", "primary": True}]
    jane = Scim(okta).create("jane@acme.example", externalId="x1", emails=emails)
    domains.confirm(domains.claim(acme, "acme.example", actor=SETUP), actor=SETUP)
    twice = {"userName": "jane@acme.example", "externalId": "y1", "emails": emails}
    assert Scim(entra).post("/Users", twice).status == 409
    assert "Move people" in found(entra)["user_name_taken"].advice
    moves.move(okta.directory, entra.directory, Wanted({UUID(jane["id"]): "y1"}), actor=SETUP)
    assert Scim(entra).post("/Users", twice).status == 201


def test_refusals_are_counted_by_code(okta):
    scim = Scim(okta)
    scim.create("jane", externalId="x1")
    for number in range(3):
        scim.post("/Users", {"userName": "jane", "externalId": f"y{number}"})
    scim.get(f"/Users/{uuid4()}")
    findings = found(okta)
    assert (findings["user_name_taken"].kind, findings["user_name_taken"].count) == ("problem", 3)
    assert findings["user_name_taken"].last_seen
    assert "not_found" not in findings  # a client that looks whether somebody is there does nothing wrong


def test_only_the_asked_days_and_the_own_directory_count(acme, okta, entra):
    Scim(entra).post("/Users", b"{")
    Scim(okta).get("/Users")
    assert "body_not_json" not in found(okta)
    with later(days=8):
        assert [each.code for each in examined(entra).findings] == ["silent"]


def test_a_token_about_to_expire_and_a_held_burst_are_problems(acme, okta):
    scim = guarded(okta)
    for each in people(scim)[:4]:
        scim.patch(f"/Users/{each}", DOWN)
    assert found(okta)["burst_held"].count == 1
    assert "token_expires" not in found(okta)
    tokens.revoke(tokens.find(okta.secret).token, actor=SETUP)
    tokens.issue(okta.directory, expires_at=timezone.now() + timedelta(days=20), actor=SETUP)
    assert "token_expires" in found(okta)
    tokens.issue(okta.directory, expires_at=timezone.now() + timedelta(days=200), actor=SETUP)
    assert "token_expires" not in found(okta)


def test_a_name_id_that_scim_does_not_know_is_found(acme, okta):
    scim = Scim(okta)
    emails = [{"value": "jane@acme.example", "primary": True}]
    scim.create("jane", externalId="x1", emails=emails)
    scim.create("kim", externalId="x2")
    scim.create("leo", externalId="x3")
    scim.create("mia", externalId="x4")
    signed_in("jane", "jane@acme.example", acme)
    signed_in("kim", "KIM", acme)
    signed_in("leo", "x3", acme)
    signed_in("mia", "somebody else", acme)
    report = examined(okta)
    assert {(each.user_name, each.name_id, each.is_email) for each in report.names_apart} == {
        ("jane", "jane@acme.example", True),
        ("mia", "somebody else", False),
    }
    finding = found(okta)["name_id_differs"]
    assert (finding.count, finding.kind) == (2, "problem")
    assert "Application username format" in finding.advice


def test_the_latest_sign_in_counts(acme, okta):
    Scim(okta).create("jane", externalId="x1")
    signed_in("jane", "old name", acme)
    signed_in("jane", "jane", acme)
    assert examined(okta).names_apart == []


def test_whom_the_directory_renamed_since_is_no_problem_and_whom_a_person_renamed_is(acme, okta):
    scim = Scim(okta)
    for name in ("jane", "kim"):
        scim.create(name)
    jane, kim = (signed_in(name, name, acme) for name in ("jane", "kim"))
    scim.patch(f"/Users/{jane.pk}", {"op": "replace", "path": "userName", "value": "jane.smith"})
    members.change(kim, user_name="kim.brown", actor=SETUP)
    assert [each.user_name for each in examined(okta).names_apart] == ["kim.brown"]


def test_somebody_made_twice_is_found(acme, okta):
    emails = [{"value": "jane@acme.example", "primary": True}]
    Scim(okta).create("jane", externalId="x1", emails=emails)
    members.provision(acme, actor=SETUP, user_name="jane@acme.example", profile={"emails": emails})
    assert "member_twice" not in found(okta)
    signed_in("jane@acme.example", "jane@acme.example", acme)
    assert found(okta)["member_twice"].places == ["jane@acme.example"]


def test_the_doctor_answers_over_the_api(acme, okta, ada):
    Scim(okta).post("/Users", b"{")
    address = f"/organizations/acme/directories/{okta.directory.pk}/doctor"
    answer = token_of(ada).get(address, days=30)
    assert (answer.status_code, answer.json()["days"]) == (200, 30)
    assert [each["code"] for each in answer.json()["findings"]] == ["body_not_json"]
    assert token_of(ada).get(address, days=0).status_code == 400


OURS = {
    "never_heard",
    "silent",
    "other_client",
    "token_expires",
    "burst_held",
    "name_id_differs",
    "member_twice",
    "crashed",
}


@pytest.mark.parametrize("code", advice.ADVICE)
def test_advice_is_given_for_codes_and_products_that_exist(code):
    assert code in {*QUIRKS, *NOTICES, *Code, *OURS}
    assert set(advice.ADVICE[code]) <= {*directories.IDPS, ""}


# Whose sentence in the answer says all, or where nobody can click anything: faults of a client's own making, and of its moment.
SAYS_ALL = {
    *(
        "token_missing",
        "token_shape",
        "token_unknown",
        "token_scope",
        "organization_suspended",
        "forbidden",
        "forbidden_filter",
    ),
    *(
        "me_is_nobody",
        "me_not_yours",
        "me_stays",
        "body_too_large",
        "body_incomplete",
        "body_not_json",
        "body_not_object",
    ),
    *(
        "body_too_deep",
        "body_character",
        "named_twice",
        "malformed",
        "too_slow",
        "busy",
        "patch_empty",
        "too_many_operations",
    ),
    *(
        "too_many_attributes",
        "too_much_work",
        "operation_unknown",
        "operation_shape",
        "value_missing",
        "too_many_values",
    ),
    *(
        "id_differs",
        "filter_too_long",
        "filter_too_complex",
        "filter_unsupported",
        "filter_value",
        "filter_hidden",
    ),
    *("parameter_wrong", "sort_unknown", "cursor_wrong", "count_wrong", "method", "invalid", "refused"),
    *("bulk_operation", "bulk_reference", "bulk_circle"),
}


def test_every_refusal_comes_with_advice_or_says_all():
    """A code that is new asks for its line in one of the two."""
    assert SAYS_ALL | advice.ADVICE.keys() >= {code.value for code in Code}
    assert not SAYS_ALL & advice.ADVICE.keys()
    assert {code.value for code in Code} >= SAYS_ALL


def test_a_products_variants_share_its_advice():
    assert advice.of("stray_attribute", "entra_scim2") == advice.of("stray_attribute", "entra") != ""
    assert advice.of("operation_case", "okta") == ""
    assert advice.of("coerced", "rippling") == advice.ADVICE["coerced"][""]
