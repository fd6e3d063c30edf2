"""Suspending, offboarding and coming back in the console: what each page says before and after, and what it does."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone

from identity import exits, grants, members, roles, sessions, tenancy
from identity.models import Member
from tests.conftest import SETUP, again, join
from tests.console.addresses import address
from tests.console.conftest import entries, visit


def held(member: Member) -> dict[str, int]:
    with tenancy.of(member.organization_id):
        return exits.preview(member)


def test_the_offboarding_page_names_what_will_end(things, ada):
    html = visit(ada).get(address("member_offboard", things)).content.decode()
    for said in (
        "Offboard <bdi>Lena acme</bdi>",
        "1 session",
        "1 token",
        "Script",
        "1 grant",
        "First",
        "Treasury",
    ):
        assert said in html
    assert again(things.member).state == "active"


def test_offboarding_ends_everything_and_shows_the_receipt(things, ada):
    answer = visit(ada).post(address("member_offboard", things), {"reason": "left the company"}, follow=True)
    assert answer.redirect_chain == [(address("member_receipt", things), 303)]
    html = answer.content.decode()
    for said in (
        "<bdi>Lena acme</bdi> is out",
        "left the company",
        "First",
        "Treasury",
        "See it in the record",
        "0 sessions, 0 tokens, 0 grants",
    ):
        assert said in html
    assert again(things.member).state == "offboarded"
    assert set(held(things.member).values()) == {0}
    entry = entries(things.organization, "member.offboard")[-1]
    assert (entry.actor_id, entry.subject_id) == (str(ada.pk), str(things.member.pk))


def test_offboarding_twice_changes_nothing_more(things, ada):
    client = visit(ada)
    client.post(address("member_offboard", things))
    client.post(address("member_offboard", things))
    assert (
        len(
            [
                entry
                for entry in entries(things.organization, "member.offboard")
                if entry.subject_id == str(things.member.pk)
            ]
        )
        == 1
    )


def test_an_offboarded_person_is_out_with_the_next_request(things, ada):
    lena = visit(things.member)
    assert lena.get("/me").status_code == 200
    visit(ada).post(address("member_offboard", things))
    assert lena.get("/me")["Location"].startswith("/sign-in")


def test_a_leaver_is_erased_by_an_administrator_who_says_that_they_know_what_it_means(things, ada):
    members.offboard(things.member, actor=SETUP)
    client, path = visit(ada), address("member_erase", things)
    page = address("member", things)
    assert f'href="{path}"' in client.get(page).content.decode()
    assert "forgotten for good who this was" in client.get(path).content.decode()
    assert client.post(path, {"reason": "asked for it"}).status_code == 400
    assert again(things.member).erased_at is None
    answer = client.post(path, {"reason": "asked for it", "understood": "on"}, follow=True)
    assert answer.redirect_chain == [(page, 303)]
    html = answer.content.decode()
    assert "This person is erased" in html
    assert "Erased on" in html
    assert address("member_reinstate", things) not in html
    assert path not in html
    assert again(things.member).erased_at
    (entry,) = entries(things.organization, "member.erase")
    assert entry.actor_id == str(ada.pk)
    assert "was erased before" in client.post(path, {"understood": "on"}, follow=True).content.decode()


def test_whoever_is_here_is_not_erased(things, ada):
    answer = visit(ada).post(address("member_erase", things), {"understood": "on"})
    assert (answer.status_code, b"offboard them first" in answer.content) == (400, True)
    assert again(things.member).erased_at is None


def test_erasing_needs_more_than_managing_members(things):
    manager = visit(join(things.organization, "max@acme.example", role="member_manager"))
    members.offboard(things.member, actor=SETUP)
    assert address("member_erase", things) not in manager.get(address("member", things)).content.decode()
    assert manager.post(address("member_erase", things), {"understood": "on"}).status_code == 403
    assert again(things.member).erased_at is None


def test_the_reinstatement_page_shows_the_former_access_and_gives_it_back(things, ada):
    roles.replace(things.member, ["auditor"], actor=SETUP)
    members.offboard(things.member, actor=SETUP)
    client = visit(ada)
    html = client.get(address("member_reinstate", things)).content.decode()
    assert "1 grant" in html
    assert "Auditor" in html
    answer = client.post(address("member_reinstate", things), {"with_access": "yes"})
    assert answer.status_code == 303
    member = again(things.member)
    assert member.state == "active"
    assert [row.key for row in grants.effective(member)] == ["acme-1"]
    assert roles.names_of(member) == ["auditor"]


def test_a_reinstatement_without_access_gives_nothing_back(things, ada):
    members.offboard(things.member, actor=SETUP)
    visit(ada).post(address("member_reinstate", things), {"with_access": "no"})
    assert again(things.member).state == "active"
    assert grants.effective(again(things.member)) == []


def test_a_reinstatement_is_refused_while_somebody_else_has_the_user_name(things, ada, acme):
    members.offboard(things.member, actor=SETUP)
    members.provision(acme, actor=SETUP, user_name=things.member.user_name)
    answer = visit(ada).post(address("member_reinstate", things), {"with_access": "no"})
    assert answer.status_code == 400
    assert b"Another member already has this user name." in answer.content
    assert again(things.member).state == "offboarded"


def test_suspending_keeps_access_dormant_and_reactivating_brings_it_back(things, ada):
    client = visit(ada)
    page = client.get(address("member_suspend", things)).content.decode()
    assert "1 grant, 0 roles, 1 group" in page
    client.post(address("member_suspend", things), {"reason": "sabbatical"})
    assert again(things.member).state == "suspended"
    html = client.get(address("member", things)).content.decode()
    assert "Suspended since" in html
    assert "Dormant" in html
    client.post(address("member_reactivate", things))
    assert again(things.member).state == "active"
    assert held(things.member) | {"sessions": 0, "tokens": 0} == {
        "sessions": 0, "tokens": 0, "grants": 1, "roles": 0, "invitations": 0, "groups": 1,
    }  # fmt: skip


def test_whom_a_machine_suspended_an_administrator_can_keep_out(things, ada):
    members.suspend(things.member, actor=SETUP, reason="inactive in HR")
    client = visit(ada)
    assert b"A directory may let them in again." in client.get(address("member", things)).content
    client.post(address("member_suspend", things), {"reason": "stolen laptop"})
    page = client.get(address("member", things)).content
    assert b"Reason: stolen laptop." in page
    assert b"No directory lets them in again." in page


def test_reactivating_an_offboarded_member_is_refused_in_a_sentence(things, ada):
    members.offboard(things.member, actor=SETUP)
    answer = visit(ada).post(address("member_reactivate", things))
    assert answer.status_code == 400
    assert b"only an administrator can reinstate them" in answer.content


def test_an_end_date_is_set_shown_and_removed(things, ada):
    client = visit(ada)
    when = (timezone.now() + timedelta(days=3)).replace(second=0, microsecond=0)
    client.post(address("member_end", things), {"ends_at": f"{when:%Y-%m-%dT%H:%M}"})
    assert again(things.member).ends_at == when.astimezone(UTC)
    assert b"Ends on" in client.get(address("member", things)).content
    client.post(address("member_end", things), {"ends_at": ""})
    assert again(things.member).ends_at is None
    assert len(entries(things.organization, "member.schedule_end")) == 2


def test_an_end_date_in_the_past_is_refused(things, ada):
    answer = visit(ada).post(address("member_end", things), {"ends_at": "2020-01-01T10:00"})
    assert answer.status_code == 400
    assert b"Choose a time in the future" in answer.content
    assert again(things.member).ends_at is None


def test_the_end_date_is_read_as_utc(things, ada):
    visit(ada).post(address("member_end", things), {"ends_at": "2090-06-01T10:00"})
    assert again(things.member).ends_at == datetime(2090, 6, 1, 10, 0, tzinfo=UTC)


def test_one_session_and_one_token_end_by_themselves(things, ada):
    client = visit(ada)
    _, other = sessions.start(things.member, actor=SETUP)
    client.post(address("session_end", things))
    client.post(address("member_token_revoke", things))
    assert (held(things.member)["sessions"], held(things.member)["tokens"]) == (1, 0)
    assert sessions.find(other) is not None


def test_whoever_is_about_to_shut_themselves_out_is_told(things, ada):
    client = visit(ada)
    assert b"This is you." in client.get(f"/o/acme/members/{ada.pk}/offboard").content
    assert b"This is you." in client.get(f"/o/acme/members/{ada.pk}/suspend").content
    assert b"This is you." not in client.get(address("member_offboard", things)).content
