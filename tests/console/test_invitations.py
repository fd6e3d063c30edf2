"""Inviting people in the console, and the letters that go out."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from identity import invitations, mail, tenancy
from identity.models import Invitation, OutgoingMail
from tests.conftest import SETUP, join
from tests.console.conftest import entries, visit
from tests.saml.door import connect

PATH = "/o/acme/invitations/"


def all_of(model, organization) -> list:
    with tenancy.of(organization):
        return list(model.objects.order_by("pk"))


def test_a_pasted_list_is_invited_with_role_grant_and_end(things, ada, acme):
    values = {
        "text": "Kim Kay <kim@acme.example>; lou@acme.example", "days": "30", "roles": ["auditor"],
        "grants": ["portfolio\x1facme-1\x1fview"],
    }  # fmt: skip
    answer = visit(ada).post(f"{PATH}new", values, follow=True)
    assert answer.redirect_chain == [(PATH, 303)]
    html = answer.content.decode()
    for said in (
        "2 people are invited.",
        "kim@acme.example",
        "role auditor",
        "view · portfolio acme-1",
        "Open",
    ):
        assert said in html
    made = all_of(Invitation, acme)[-2:]
    assert [row.email for row in made] == ["kim@acme.example", "lou@acme.example"]
    assert {(row.expires_at - timezone.now()).days for row in made} == {29}
    assert entries(acme, "invitation.create")[-1].actor_id == str(ada.pk)


def test_those_that_cannot_be_invited_are_named_with_the_reason(acme, ada, jane):
    client = visit(ada)
    client.post(f"{PATH}new", {"text": "kim@acme.example", "days": "14"})
    text = "kim@acme.example jane@acme.example nonsense lou@acme.example"
    answer = client.post(f"{PATH}new", {"text": text, "days": "14"})
    html = answer.content.decode()
    assert answer.status_code == 200
    for said in (
        "1 person is invited; 3 addresses are not",
        "has an open invitation",
        "is a member already",
        "is no e-mail address",
    ):
        assert said in html
    assert answer.context["form"]["text"].value() == "kim@acme.example\njane@acme.example\nnonsense"
    again = client.post(f"{PATH}new", {"text": text, "days": "14"})
    assert again.status_code == 400
    assert len(all_of(Invitation, acme)) == 2


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"text": "", "days": "14"}, "text"),
        ({"text": "kim@acme.example", "days": "0"}, "days"),
        ({"text": "kim@acme.example", "days": "366"}, "days"),
        ({"text": "kim@acme.example", "days": "14", "roles": ["emperor"]}, "roles"),
        ({"text": " ".join(f"p{number}@acme.example" for number in range(501)), "days": "14"}, "text"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(acme, ada, values, field):
    answer = visit(ada).post(f"{PATH}new", values)
    assert answer.status_code == 400
    assert answer.context["form"].errors.keys() == {field}
    assert all_of(Invitation, acme) == []


def test_who_invites_before_a_connection_is_on_is_told_that_nobody_can_come(acme, ada):
    client = visit(ada)
    warned = b"Nobody who is invited can come in yet"
    assert warned in client.get(f"{PATH}new").content
    connect(acme)
    assert warned not in client.get(f"{PATH}new").content


def test_nobody_invites_with_a_role_beyond_their_own(acme):
    client = visit(join(acme, "mia@acme.example", role="member_manager"))
    values = {"text": "kim@acme.example", "days": "14", "roles": ["organization_admin"]}
    answer = client.post(f"{PATH}new", values)
    assert answer.status_code == 400
    assert b"which you do not have." in answer.content
    assert all_of(Invitation, acme) == []


def test_an_invitation_is_sent_again_and_withdrawn_once(acme, ada):
    made = invitations.create(
        acme, "kim@acme.example", actor=SETUP, expires_at=timezone.now() + timedelta(days=1)
    )
    client = visit(ada)
    html = client.post(f"{PATH}{made.pk}/resend", follow=True).content.decode()
    assert "gets the mail again" in html
    assert (all_of(Invitation, acme)[0].expires_at - timezone.now()).days == 13
    assert "is withdrawn" in client.post(f"{PATH}{made.pk}/withdraw", follow=True).content.decode()
    assert "closed already" in client.post(f"{PATH}{made.pk}/withdraw", follow=True).content.decode()
    answer = client.post(f"{PATH}{made.pk}/resend")
    assert answer.status_code == 400
    assert b"invite the address anew" in answer.content
    assert len(entries(acme, "invitation.withdraw")) == 1


def test_each_state_has_its_tab_and_its_count(acme, ada, jane):
    soon = timezone.now() + timedelta(hours=1)
    made = {
        name: invitations.create(
            acme, f"{name}@acme.example", actor=SETUP, expires_at=soon if name == "late" else None
        )
        for name in ("open", "late", "closed", "taken", "withdrawn")
    }
    invitations.withdraw(made["withdrawn"], actor=SETUP)
    invitations.accept(made["taken"], jane, actor=SETUP)
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        client = visit(ada)
        found = {
            state: [
                row[0].email.partition("@")[0]
                for row in client.get(f"{PATH}?state={state}").context["page"].rows
            ]
            for state in ("open", "accepted", "expired", "withdrawn")
        }
        assert found == {
            "open": ["closed", "open"],
            "accepted": ["taken"],
            "expired": ["late"],
            "withdrawn": ["withdrawn"],
        }
        assert {name: number.value for name, number in client.get(PATH).context["counts"]} == {
            "open": 2,
            "accepted": 1,
            "expired": 1,
            "withdrawn": 1,
        }
        # The clock closes what is past its end; it has expired all the same.
        invitations.expire(made["late"], actor=SETUP)
        assert [row[0].email for row in client.get(f"{PATH}?state=expired").context["page"].rows] == [
            "late@acme.example"
        ]
        assert ">Expired</span>" in client.get(f"{PATH}?state=expired").content.decode()


def test_a_kept_letter_is_read_in_the_console(acme, ada, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    invitations.create(acme, "kim@acme.example", actor=SETUP)
    (letter,) = all_of(OutgoingMail, acme)
    assert mail.deliver(acme.pk, letter.pk, actor=SETUP)
    client = visit(ada)
    assert "Kept here" in client.get("/o/acme/mail/?state=kept").content.decode()
    assert "No letter here" in client.get("/o/acme/mail/?state=failed").content.decode()
    html = client.get(f"/o/acme/mail/{letter.pk}/").content.decode()
    for said in ("Invitation to Acme", "kim@acme.example", "/sign-in?organization=acme"):
        assert said in html


def test_operators_see_the_queue_with_its_failures_and_nobody_else_does(acme, globex, ada, opal, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    invitations.create(acme, "kim@acme.example", actor=SETUP)
    invitations.create(globex, "lou@globex.example", actor=SETUP)
    (letter,) = all_of(OutgoingMail, acme)
    with pytest.raises(mail.NoServerError):
        mail.deliver(acme.pk, letter.pk, actor=SETUP)
    answer = visit(opal).get("/mail/")
    html = answer.content.decode()
    assert dict(answer.context["counts"])["waiting"] == 2
    assert [row.pk for row in answer.context["troubled"]] == [letter.pk]
    assert "ConnectionRefusedError" in html
    assert f"/o/acme/mail/{letter.pk}/" in html
    assert "sign-in?organization" not in html
    assert "Tried 1 of 12 times" in visit(opal).get(f"/o/acme/mail/{letter.pk}/").content.decode()
    assert visit(ada).get("/mail/").status_code == 404


def test_an_auditor_sees_invitations_and_no_letter(acme):
    made = invitations.create(acme, "kim@acme.example", actor=SETUP)
    client = visit(join(acme, "otto@acme.example", role="auditor"))
    html = client.get(PATH).content.decode()
    assert "kim@acme.example" in html
    assert "Withdraw" not in html.split("<tbody>")[1]
    assert client.post(f"{PATH}{made.pk}/withdraw").status_code == 403
    assert client.get("/o/acme/mail/").status_code == 403
