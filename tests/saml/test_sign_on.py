"""Single sign-on alone: who still gets in with a password, who hears of it, and what goes on working."""

import pytest

from audit.models import Detail
from audit.record import Actor
from console import passwords
from identity import invitations, members, organizations, resources, tenancy, tokens
from identity.errors import Forbidden
from identity.models import Organization, OutgoingMail
from saml import connections
from tests.api.client import token_of
from tests.conftest import SETUP, join
from tests.saml.door import Browser, connect, entries, prove, refused

pytestmark = pytest.mark.usefixtures("db")
PATH = "/organizations/acme/sign-on"
PASSWORD = "correct horse battery"
ONLY = "single_sign_on"


@pytest.fixture
def api(ada):
    return token_of(ada)


@pytest.fixture
def glass(acme):
    """Give a local administrator with a password."""
    made = join(acme, "glass@acme.example", role="organization_admin", displayName="Glass")
    members.set_password(made, PASSWORD, actor=SETUP)
    return made


@pytest.fixture
def only(acme, api, glass):
    """Give acme with single sign-on alone."""
    prove(acme, "acme.example")
    connection = connect(acme)
    assert api.patch(PATH, {"sign_on": ONLY, "break_glass": str(glass.pk)}).status_code == 200
    return connection


def reason(user_name, organization="acme"):
    with pytest.raises(passwords.SignInRefused) as refusal:
        passwords.enter(user_name, PASSWORD, organization)
    return str(refusal.value)


def letters(organization):
    with tenancy.of(organization):
        return sorted((mail.kind, mail.to) for mail in OutgoingMail.objects.filter(organization=organization))


def test_an_organization_begins_with_both_ways_in(acme, api, jane):
    assert api.get(PATH).json() == {
        "sign_on": "also_password",
        "break_glass": None,
        "sso_identifier": None,
        "start_here": True,
        "warnings": [],
    }
    members.set_password(jane, PASSWORD, actor=SETUP)
    assert passwords.enter("jane@acme.example", PASSWORD)[0].member_id == jane.pk


def test_only_single_sign_on_keeps_passwords_out_except_the_one_behind_glass(acme, only, jane, glass, opal):
    members.set_password(jane, PASSWORD, actor=SETUP)
    assert reason("jane@acme.example") == "single_sign_on_only"
    session, _ = passwords.enter("glass@acme.example", PASSWORD)
    assert session.member_id == glass.pk
    assert Browser(only).sign_in().status_code == 303


def test_the_use_of_the_glass_is_recorded_and_everybody_who_must_know_is_written_to(
    acme, only, glass, ada, opal, operators
):
    passwords.enter("glass@acme.example", PASSWORD)
    [entry] = entries(acme, "sign_in.break_glass")
    assert (entry.actor_kind, entry.actor_id) == ("member", str(glass.pk))
    assert letters(acme) == [
        ("break_glass_used", "ada@acme.example"),
        ("break_glass_used", "glass@acme.example"),
    ]
    assert letters(operators) == [("break_glass_used", "opal@rollcall.example")]


def test_a_wrong_password_behind_the_glass_alarms_nobody(acme, only):
    with pytest.raises(passwords.SignInRefused):
        passwords.enter("glass@acme.example", "wrong")
    assert entries(acme, "sign_in.break_glass") == []
    assert letters(acme) == []


def test_before_single_sign_on_is_the_only_way_the_glass_is_whole(acme, api, glass):
    assert api.patch(PATH, {"break_glass": str(glass.pk)}).status_code == 200
    passwords.enter("glass@acme.example", PASSWORD)
    assert entries(acme, "sign_in.break_glass") == []


def test_existing_tokens_go_on_working(acme, only, ada, jane):
    resources.register(acme, [{"kind": "portfolio", "id": "p1"}], actor=SETUP)
    _, secret = tokens.issue(jane, actor=SETUP, scopes=["members.read"])
    found = tokens.find(secret)
    assert found is not None
    assert found.refusal == ""
    assert token_of(ada).get("/organizations/acme/resources").status_code == 200


def test_single_sign_on_alone_needs_somebody_behind_the_glass(acme, api):
    connect(acme)
    answer = api.patch(PATH, {"sign_on": ONLY})
    assert (answer.status_code, answer.json()["field"]) == (400, "break_glass")


def test_and_a_connection_that_is_on(acme, api, glass):
    connect(acme, active=False)
    answer = api.patch(PATH, {"sign_on": ONLY, "break_glass": str(glass.pk)})
    assert (answer.status_code, answer.json()["field"]) == (400, "sign_on")
    assert entries(acme, "organization.sign_on") == []


def test_the_glass_is_no_stranger_no_plain_member_and_nobody_of_a_directory(acme, api, jane, gus, okta, ada):
    members.set_password(jane, PASSWORD, actor=SETUP)
    pushed = members.provision(
        acme,
        actor=Actor("directory", str(okta.directory.pk), "Okta"),
        user_name="pushed@acme.example",
        directory=okta.directory,
        external_id="1",
    ).member
    from identity import roles

    roles.replace(pushed, ["organization_admin"], actor=SETUP)
    members.set_password(pushed, PASSWORD, actor=SETUP)
    members.set_password(gus, PASSWORD, actor=SETUP)
    for wrong, said in (
        (jane, "organization_admin"),
        (gus, "no such member"),
        (pushed, "directory"),
        (ada, "no password"),
    ):
        answer = api.patch(PATH, {"break_glass": str(wrong.pk)})
        assert (answer.status_code, answer.json()["field"]) == (400, "break_glass")
        assert said in answer.json()["detail"]


def test_it_cannot_be_left_without_glass_and_can_be_handed_on(acme, api, only, ada):
    assert api.patch(PATH, {"break_glass": None}).json()["field"] == "break_glass"
    members.set_password(ada, PASSWORD, actor=SETUP)
    assert api.patch(PATH, {"break_glass": str(ada.pk)}).status_code == 200
    assert reason("glass@acme.example") == "single_sign_on_only"
    assert passwords.enter("ada@acme.example", PASSWORD)[0].member_id == ada.pk


@pytest.mark.parametrize("verb", [members.suspend, members.offboard])
def test_whoever_is_behind_the_glass_can_be_shut_out_and_then_it_is_alarmed(acme, only, api, glass, verb):
    verb(glass, actor=SETUP)
    assert reason("glass@acme.example") in {"member_not_active", "unknown_person"}
    assert len(entries(acme, "organization.without_break_glass")) == 1
    assert ("without_break_glass", "ada@acme.example") in letters(acme)
    assert api.get(PATH).json()["warnings"] == ["The break-glass administrator is not active."]


def test_the_last_connection_can_be_switched_off_and_the_page_says_what_that_means(acme, only, api):
    connections.change(only, actor=SETUP, active=False)
    assert "No connection is on" in api.get(PATH).json()["warnings"][0]


def test_an_invitation_is_accepted_by_single_sign_on_alone(acme, only, jane):
    invitation = invitations.create(acme, "jane@acme.example", actor=SETUP)
    with pytest.raises(Forbidden):
        invitations.accept(invitation, jane, actor=Actor("member", str(jane.pk), "jane"))
    assert Browser(only).sign_in().status_code == 303
    assert len(entries(acme, "invitation.accept")) == 1


def test_what_changed_is_recorded_once(acme, api):
    assert api.patch(PATH, {"sso_identifier": "Acme.Test."}).json()["sso_identifier"] == "acme.test"
    api.patch(PATH, {"sso_identifier": "acme.test"})
    [entry] = entries(acme, "organization.sign_on")
    with tenancy.of(acme):
        assert Detail.objects.get(pk=entry.pk).body["changes"] == {"sso_identifier": [None, "acme.test"]}


@pytest.mark.parametrize(
    "wrong", ["acme", "-acme.com", "acme..com", "a b.com", "x" * 64 + ".com", "", "a." * 150 + "b"]
)
def test_an_identifier_is_a_well_formed_name(api, wrong):
    answer = api.patch(PATH, {"sso_identifier": wrong})
    assert (answer.status_code, answer.json()["field"]) == (400, "sso_identifier")


def test_an_identifier_is_one_organizations_and_never_a_domain_that_another_has_proved(
    acme, globex, api, gus
):
    prove(globex, "globex.example")
    for path, name in ((PATH, "shared.test"), ("/organizations/globex/sign-on", "own.test")):
        caller = api if path == PATH else token_of(gus)
        assert caller.patch(path, {"sso_identifier": name}).status_code == 200
    taken = api.patch(PATH, {"sso_identifier": "own.test"})
    assert (taken.status_code, taken.json()["field"]) == (409, "sso_identifier")
    assert api.patch(PATH, {"sso_identifier": "globex.example"}).status_code == 409
    with tenancy.of(acme):
        assert Organization.objects.get(pk=acme.pk).sso_identifier == "shared.test"


def test_sign_in_that_may_not_start_here_does_not(acme, api):
    prove(acme, "acme.example")
    stopped = Browser(connect(acme))
    answer = api.patch(PATH, {"start_here": False})
    assert (answer.status_code, answer.json()["field"]) == (400, "start_here")
    connections.change(stopped.connection, actor=SETUP, allow_idp_initiated=True)
    assert api.patch(PATH, {"start_here": False}).status_code == 200
    refused(stopped.client.get(stopped.path("login")), acme, "start_elsewhere")
    from demo.idp_messages import respond

    assert stopped.post(respond(stopped.idp, stopped.answer(None))).status_code == 303
    tested = api.post(f"/organizations/acme/connections/{stopped.connection.pk}/test").json()["url"]
    assert stopped.client.get(tested.removeprefix("http://testserver")).status_code in {302, 400}


def test_strangers_and_people_without_the_capability_change_nothing(acme, gus, ada, jane):
    assert token_of(gus).patch(PATH, {"start_here": False}).status_code == 404
    assert token_of(ada, "members.read").patch(PATH, {"sso_identifier": "x.test"}).status_code == 403
    assert token_of(jane).get(PATH).status_code == 200


def test_organizations_change_does_not_take_these(acme):
    from identity.errors import Invalid

    with pytest.raises(Invalid):
        organizations.change(acme, actor=SETUP, sign_on=ONLY)
