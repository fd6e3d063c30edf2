"""Finding members, bringing one in, and editing what they are and may."""

from audit.record import Actor
from console import member_search
from identity import grants, members, resources, roles, tenancy
from identity.grants import GrantSpec
from identity.models import Member
from tests.conftest import SETUP, join, scim_client
from tests.console.addresses import address
from tests.console.conftest import entries, visit
from tests.scim.talk import Scim


def names(html: str) -> list[str]:
    return [part.partition("<")[0] for part in html.split('<span class="rc-who-name">')[1:]]


def test_the_list_finds_by_name_user_name_and_address_and_filters_by_state(acme, ada, jane):
    members.suspend(join(acme, "sue@acme.example", displayName="Sue Sunday"), actor=SETUP)
    members.offboard(join(acme, "olga@acme.example", displayName="Olga Out"), actor=SETUP)
    client = visit(ada)

    def found(query: str) -> list[str]:
        return names(client.get(f"/o/acme/members/{query}").content.decode())

    assert found("") == ["Ada Admin", "Jane Jones", "Sue Sunday"]
    assert found("?q=jone") == ["Jane Jones"]
    assert found("?q=JANE@acme") == ["Jane Jones"]
    assert found("?state=suspended") == ["Sue Sunday"]
    assert found("?state=offboarded") == ["Olga Out"]
    assert found("?q=out") == ["Olga Out"]
    assert found("?q=100%25") == found("?q=nobody") == []


def test_the_list_shows_the_people_of_a_directory(acme, ada, jane, okta, entra):
    scim = Scim(okta)
    mei = scim.create("mei@acme.example", displayName="Mei Ito")
    scim.create("bo@acme.example", displayName="Bo Berg")
    gone = scim.create("gone@acme.example", displayName="Gone Girl")
    scim.create("zoe@acme.example", displayName="Zoe Zest")
    scim.patch(f"/Users/{mei['id']}", {"op": "replace", "path": "active", "value": False})
    scim.delete(f"/Users/{gone['id']}")
    client, path = visit(ada), "/o/acme/members/"

    def found(**query: str) -> list[str]:
        return names(client.get(path, {"directory": str(okta.directory.pk), **query}).content.decode())

    assert found() == ["Bo Berg", "Mei Ito", "Zoe Zest"]
    assert found(state="suspended") == found(q="ito") == ["Mei Ito"]
    assert found(q="jones") == []
    html = client.get(f"/o/acme/directories/{okta.directory.pk}/").content.decode()
    assert f'href="{path}?directory={okta.directory.pk}"' in html
    assert names(client.get(path, {"directory": str(entra.directory.pk)}).content.decode()) == []


def test_the_people_of_a_directory_that_is_nobodys_here_are_not_found(ada, globex):
    client, theirs = visit(ada), scim_client(globex).directory
    for text in (str(theirs.pk), "okta"):
        assert client.get("/o/acme/members/", {"directory": text}).status_code == 404


def test_the_list_turns_pages_without_losing_or_doubling_anybody(acme, ada):
    for number in range(120):
        join(acme, f"m{number:03d}", displayName=f"Same {number % 3}")
    client = visit(ada)
    seen, query = [], ""
    while True:
        html = client.get(f"/o/acme/members/{query}").content.decode()
        seen += names(html)
        if 'rel="next"' not in html:
            break
        query = html.split('rel="next"')[0].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
    assert len(seen) == 121
    assert seen == sorted(seen, key=str.lower)


def test_a_made_up_cursor_shows_the_first_page(ada):
    client = visit(ada)
    for cursor in ("x", "eyJ4Ijox", "WyJhIiwgIm5vdCBhbiBpZCJd", "é", "A" * 5000):
        assert client.get("/o/acme/members/", {"after": cursor}).status_code == 200


def test_a_member_added_by_hand_has_the_profile_and_roles(acme, ada):
    values = {
        "user_name": "new@acme.example",
        "display_name": "Nia New",
        "email": "new@acme.example",
        "roles": ["auditor"],
    }
    answer = visit(ada).post("/o/acme/members/new", values)
    assert answer.status_code == 303
    with tenancy.of(acme):
        member = Member.objects.get(user_name="new@acme.example")
    assert member.profile == {
        "displayName": "Nia New",
        "emails": [{"value": "new@acme.example", "type": "work", "primary": True}],
    }
    assert roles.names_of(member) == ["auditor"]


def test_a_taken_user_name_is_refused_beside_its_field(acme, ada, jane):
    answer = visit(ada).post("/o/acme/members/new", {"user_name": "JANE@acme.example"})
    assert answer.status_code == 400
    html = answer.content.decode()
    assert html.index("Another member already has this user name.") < html.index("Display name")
    assert "is-invalid" in html


def test_a_refused_role_leaves_no_half_made_member(acme, ada):
    answer = visit(ada).post(
        "/o/acme/members/new", {"user_name": "half@acme.example", "roles": ["no_such_role"]}
    )
    assert answer.status_code == 400
    with tenancy.of(acme):
        assert not Member.objects.filter(user_name="half@acme.example").exists()


def test_editing_the_profile_keeps_what_the_form_does_not_show(things, ada):
    profile = {
        "displayName": "Lena",
        "locale": "de",
        "emails": [{"value": "old@x.example", "primary": True}, {"value": "home@x.example"}],
    }
    members.change(things.member, actor=SETUP, profile=profile)
    values = {
        "user_name": things.member.user_name,
        "display_name": "Lena L.",
        "email": "new@x.example",
        "title": "CFO",
    }
    assert visit(ada).post(address("member_profile", things), values).status_code == 303
    with tenancy.of(things.organization):
        member = Member.objects.get(pk=things.member.pk)
    assert member.profile == {
        "displayName": "Lena L.", "title": "CFO", "locale": "de",
        "emails": [{"value": "new@x.example", "type": "work", "primary": True}, {"value": "home@x.example"}],
    }  # fmt: skip


def test_the_profile_page_says_which_directory_will_write_over_it(things, ada):
    assert b"Okta feeds this profile" in visit(ada).get(address("member_profile", things)).content


def test_saving_access_gives_what_is_checked_and_ends_the_rest(things, ada):
    resources.register(
        things.organization,
        [{"kind": "asset", "id": "A-9", "name": "Ninth", "parent": "acme-1"}],
        actor=SETUP,
    )
    client = visit(ada)
    html = client.get(address("member_access", things)).content.decode()
    boxes = [part.partition('"')[0] for part in html.split('name="grant" value="')[1:]]
    view_of_ninth = next(
        box for box in boxes if box.endswith(":view") and html.index(box) > html.index("Ninth")
    )
    shown = html.split('name="shown" value="')[1].partition('"')[0]
    client.post(address("member_access", things), {"grant": [view_of_ninth], "shown": shown})
    assert [(row.key, row.permission, row.origin) for row in grants.effective(things.member)] == [
        ("A-9", "view", "admin")
    ]
    assert len(entries(things.organization, "grant.end")) == 1
    shown = client.get(address("member", things)).content.decode()
    assert "Administrator" in shown


def test_access_to_what_is_not_registered_here_is_refused_and_nothing_changes(things, ada, globex):
    resources.register(globex, [{"kind": "company", "id": "C-1"}], actor=SETUP)
    from identity.models import Resource

    with tenancy.of(globex):
        foreign = Resource.objects.get(key="C-1").pk
    for value in (f"{foreign}:access", "nonsense", f"{foreign}:", "x" * 300):
        answer = visit(ada).post(address("member_access", things), {"grant": [value]})
        assert answer.status_code == 400, value
        assert b"Nothing was changed." in answer.content
    assert [row.key for row in grants.effective(things.member)] == ["acme-1"]


def test_the_roles_page_assigns_exactly_what_is_checked(things, ada):
    visit(ada).post(address("member_roles", things), {"role": ["auditor", "member"]})
    assert roles.names_of(things.member) == ["auditor", "member"]
    visit(ada).post(address("member_roles", things), {"role": ["member"]})
    assert roles.names_of(things.member) == ["member"]


def test_the_last_administrator_keeps_the_role(acme, ada):
    answer = visit(ada).post(f"/o/acme/members/{ada.pk}/roles", {"role": ["member"]})
    assert answer.status_code == 400
    assert b"last administrator" in answer.content
    assert roles.names_of(ada) == ["organization_admin"]


def test_inherited_access_stands_below_what_it_comes_from(things, ada):
    resources.register(
        things.organization,
        [
            {"kind": "asset", "id": f"A-{number}", "name": name, "parent": "acme-1"}
            for number, name in enumerate(["Aa", "Bb"])
        ],
        actor=SETUP,
    )
    grants.replace(things.member, [GrantSpec("portfolio", "acme-1", "view")], actor=SETUP)
    html = visit(ada).get(address("member", things)).content.decode()
    assert html.index(">First<") < html.index(">Aa<") < html.index(">Bb<")
    assert "through portfolio acme-1" in html


def test_whoever_has_access_to_nothing_learns_whom_to_ask(jane, ada):
    html = visit(jane).get("/me").content.decode()
    assert "You are signed in, with access to nothing yet." in html
    assert "Ada Admin (ada@acme.example)" in html


def test_whoever_has_access_sees_it_on_their_own_page(things, ada):
    html = visit(things.member).get("/me").content.decode()
    assert "access to nothing" not in html
    assert "First" in html


def test_people_end_their_own_sessions_and_nobody_elses(things, ada, jane):
    lena = visit(things.member)
    assert lena.post(f"/me/sessions/{things.ids['session']}/end").status_code == 303
    assert visit(jane).post(f"/me/sessions/{things.ids['session']}/end").status_code == 404


def test_changing_the_password_wants_the_old_one_and_ends_every_session(ada):
    members.set_password(ada, "correct horse battery", actor=SETUP)
    client = visit(ada)
    wrong = client.post("/me/password", {"old": "no", "new": "a brand new passphrase"})
    assert wrong.status_code == 400
    short = client.post("/me/password", {"old": "correct horse battery", "new": "short"})
    assert short.status_code == 400
    good = client.post("/me/password", {"old": "correct horse battery", "new": "a brand new passphrase"})
    assert good["Location"] == "/sign-in"
    assert client.get("/me")["Location"].startswith("/sign-in")


def test_history_tells_what_a_directory_did(things, ada):
    actor = Actor("directory", str(things.directory.pk), "Okta")
    members.suspend(things.member, actor=actor, reason="deactivated")
    html = visit(ada).get(address("member", things)).content.decode()
    assert "Member suspended" in html
    assert '<div class="rc-line-side">Okta · ' in html


def test_display_names_are_found_by_how_they_begin_as_they_are_written(acme):
    taro = join(acme, "taro@acme.example", displayName="ﾀﾅｶ Tarō")
    with tenancy.of(acme):
        assert member_search.beginning(acme, Member.objects.all(), "ﾀﾅｶ t") == [taro]
