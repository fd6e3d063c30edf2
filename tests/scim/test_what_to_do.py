"""What a refusal tells the administrator of the identity provider, who reads it in that product and sees nothing of Rollcall."""

from uuid import UUID

import pytest

from audit.record import Actor
from identity import directories, domains, members, tenancy
from identity.models import Member
from tests.conftest import SETUP, scim_client
from tests.scim.talk import Scim

ADA = Actor("member", "0197-ada", "Ada Admin")
MEI = {"userName": "mei@acme.example", "externalId": "2"}
ADDRESS = {"emails": [{"value": "mei@acme.example", "primary": True}]}

pytestmark = pytest.mark.usefixtures("db")


def said(answer) -> str:
    """Return the sentence of a refusal, without its code."""
    return answer.body["detail"].rpartition(" [")[0]


def test_a_name_of_another_directory_says_which_and_to_move_them(okta, entra):
    Scim(entra).create("mei@acme.example", externalId="1")
    answer = Scim(okta).post("/Users", MEI | ADDRESS)
    assert (answer.status, answer.body["scimType"], answer.code) == (409, "uniqueness", "user_name_taken")
    assert said(answer) == (
        "Somebody of the directory “entra” has this user name: move them here in Rollcall, or unassign them from one of the two. "
        "Then Dashboard › Tasks › Retry Selected."
    )


def test_a_name_of_somebody_of_no_directory_says_what_would_let_it_take_them_over(acme, entra):
    members.provision(
        acme, actor=SETUP, user_name="mei@acme.example", profile={"emails": [{"value": "mei@acme.example"}]}
    )
    scim = Scim(entra)
    whose, again = (
        "Somebody here, of no directory, has this user name",
        "Then Provision on demand, or wait for the next round.",
    )
    assert said(scim.post("/Users", MEI)) == (
        f"{whose}: send their e-mail address too, in a domain that is proved in Rollcall. {again}"
    )
    assert said(scim.post("/Users", MEI | ADDRESS)) == (
        f"{whose}: prove the domain acme.example in Rollcall, and this directory may take them over. {again}"
    )
    domains.confirm(domains.claim(acme, "acme.example", actor=SETUP), actor=SETUP)
    domains.confirm(domains.claim(acme, "other.example", actor=SETUP), actor=SETUP)
    assert said(scim.post("/Users", MEI | {"emails": [{"value": "mei.ito@acme.example"}]})).startswith(
        f"{whose} with another e-mail address: give both the same address if they are one person"
    )
    assert scim.post("/Users", MEI | ADDRESS).status == 201


def test_a_name_under_another_external_id_says_what_to_do_about_the_former(acme, okta):
    scim = Scim(okta)
    former = scim.create("mei@acme.example", externalId="1")
    assert said(scim.post("/Users", MEI)).startswith(
        "Somebody of this directory has this user name, under another external id: give one of the two another user name, or offboard"
    )
    scim.patch(f"/Users/{former['id']}", {"op": "replace", "value": {"active": False}})
    assert said(scim.post("/Users", MEI)).startswith(
        "Somebody of this directory who is suspended has this user name, under another external id: in Rollcall, offboard them if"
    )
    with tenancy.of(acme):
        gone = Member.objects.get(pk=former["id"])
    members.offboard(gone, actor=SETUP, reason="somebody new has the name")
    assert scim.post("/Users", MEI).status == 201


def test_several_with_one_address_are_told_of(acme, okta):
    for name in ("first", "second"):
        members.provision(
            acme, actor=SETUP, user_name=name, profile={"emails": [{"value": "mei@acme.example"}]}
        )
    domains.confirm(domains.claim(acme, "acme.example", actor=SETUP), actor=SETUP)
    answer = Scim(okta).post("/Users", MEI | ADDRESS)
    assert (answer.status, answer.code) == (409, "email_taken")
    assert said(answer).startswith(
        "Several members have this e-mail address: give each an address of their own"
    )


@pytest.mark.parametrize(
    ("idp", "told"),
    [
        (
            "okta_wizard",
            " Provisioning › To App: untick Sync Password, then Dashboard › Tasks › Retry Selected.",
        ),
        ("generic", ""),
    ],
)
def test_a_refusal_names_the_pages_of_the_product_that_calls(acme, idp, told):
    scim = Scim(scim_client(acme, idp))
    made = scim.create("mei@acme.example")
    only = {"op": "replace", "value": {"password": "new"}}
    sentence = "Rollcall keeps no passwords of provisioned people; switch password sync off."
    assert said(scim.patch(f"/Users/{made['id']}", only)) == sentence + told


def test_what_is_wrong_with_a_group_or_a_mapping_is_looked_for_where_that_is(okta, entra):
    group = {"displayName": "Ops"}
    assert Scim(okta).post("/Groups", group).status == 201
    assert said(Scim(okta).post("/Groups", group)).endswith("with Link Group in place of Create Group.")
    assert said(Scim(okta).delete(f"/Groups/{UUID(int=1)}")).endswith(
        "of a group, Push Groups: unlink it and push it again."
    )
    assert said(Scim(entra).post("/Users", {"externalId": "1"})) == (
        "“userName” is required. Provisioning › Mappings: map it from something that nobody lacks, as userPrincipalName."
    )


def test_whom_an_administrator_put_out_is_sent_again_once_they_are_in_again(acme, okta):
    scim = Scim(okta)
    made = scim.create("mei@acme.example")
    with tenancy.of(acme):
        mei = Member.objects.get(pk=UUID(made["id"]))
    members.suspend(mei, actor=ADA, reason="by hand")
    bulk = {
        "method": "PATCH",
        "path": f"/Users/{made['id']}",
        "data": {"Operations": [{"op": "replace", "value": {"active": True}}]},
    }
    told = "An administrator suspended this person; reactivate them in Rollcall first. Then Dashboard › Tasks › Retry Selected."
    assert said(scim.patch(f"/Users/{made['id']}", *bulk["data"]["Operations"])) == told
    answer = scim.post("/Bulk", {"Operations": [bulk]})
    assert answer.body["Operations"][0]["response"]["detail"] == f"{told} [suspended_here]"


def test_a_directory_that_is_switched_off_says_so_in_the_product_that_calls(entra):
    directories.change(entra.directory, actor=SETUP, active=False)
    assert said(Scim(entra).get("/Users")) == (
        "This directory is switched off in Rollcall; switch it on to provision again. Then Provision on demand, or wait for the next round."
    )
