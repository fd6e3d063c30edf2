"""The request log and its replay in the console: what came, what we made of it, what it would do today."""

import base64

import pytest
from django.test import Client

from identity import members, tenancy
from identity.models import Member
from scim import logged as logged_requests
from scim.models import LoggedRequest
from tests.conftest import SETUP, join
from tests.console.conftest import entries, logged, visit
from tests.scim.talk import Scim

# A cursor of 2,900 opening brackets: Python gives up reading it somewhere in the middle.
BRACKETS = base64.urlsafe_b64encode(b"[" * 2900).decode()


@pytest.fixture
def scim(okta) -> Scim:
    """Give Okta's client, by which acme has two people."""
    return Scim(okta)


def base(okta) -> str:
    return f"/o/acme/directories/{okta.directory.pk}"


def latest(acme) -> LoggedRequest:
    return logged(acme)[-1]


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def test_one_request_shows_the_body_as_it_came_beside_what_we_made_of_it(acme, ada, okta, scim):
    lena = scim.create("lena@acme.example", displayName="Lena")["id"]
    scim.patch(f"/Users/{lena}", {"op": "Replace", "path": "active", "value": "False"})
    html = page(visit(ada), f"{base(okta)}/requests/{latest(acme).pk}/")
    came, understood = html.split("As it came")[1].split("As we understood it")
    assert "&quot;False&quot;" in came
    assert "false" in understood.split("</section>")[0]
    assert "<code>coerced</code>" in html
    assert "<code>operation_case</code>" in html
    assert "Member suspended" in html
    entry = entries(acme, "member.suspend")[0]
    assert f"/o/acme/record/{entry.pk}/" in html
    assert f"/o/acme/members/{lena}/" in html


def test_the_query_is_shown_as_a_person_writes_it(acme, ada, okta, scim):
    scim.get("/Users?filter=userName%20eq%20%22a%26b%22&count=1&startIndex=%31")
    html = page(visit(ada), f"{base(okta)}/requests/{latest(acme).pk}/")
    assert "filter=userName eq &quot;a&amp;b&quot;\ncount=1\nstartIndex=1" in html


def test_what_gave_nothing_is_said_in_a_sentence_with_its_value(acme, ada, okta, scim):
    scim.create("lena@acme.example", roles=[{"value": "Auditor"}], entitlements=["portfolio:a&b:view"])
    html = page(visit(ada), f"{base(okta)}/requests/{latest(acme).pk}/")
    assert html.count("Roles or entitlements are named that do not exist here") == 2
    assert '<code class="rc-break">Auditor</code>' in html
    assert "portfolio:a&amp;b:view</code>" in html
    html = page(visit(ada), f"{base(okta)}/doctor")
    assert "?notice=unknown_access" in html
    listed = page(visit(ada), f"{base(okta)}/requests/?notice=unknown_access")
    assert str(latest(acme).pk) in listed


def test_what_was_refused_lately_is_told_where_directories_are_listed(acme, ada, okta, scim):
    lena = scim.create("lena@acme.example")["id"]
    scim.get(f"/Users/{acme.pk}")
    pages = ("/o/acme/", "/o/acme/directories/")
    client = visit(ada)
    for each in pages:
        assert "requests refused" not in page(client, each), each
    scim.patch(f"/Users/{lena}", {"op": "replace", "path": "shoeSize", "value": 1})
    for each in pages:
        html = page(client, each)
        assert "1 of the latest 3 requests refused" in html, each
        assert f'href="{base(okta)}/requests/?outcome=refused"' in html, each
    for _ in range(logged_requests.LATEST):
        scim.get(f"/Users/{lena}")
    for each in pages:
        assert "requests refused" not in page(client, each), each


def test_a_refusal_is_said_in_its_sentence_with_what_to_click(acme, ada, okta, scim):
    lena = scim.create("lena@acme.example")["id"]
    scim.patch(f"/Users/{lena}", {"op": "replace", "path": "shoe<Size", "value": 1})
    html = page(visit(ada), f"{base(okta)}/requests/{latest(acme).pk}/")
    banner = html.split("Refused:")[1].split("</div>")[0]
    assert "</strong> The path “shoe&lt;Size” cannot be read: " in banner
    assert "[path_syntax]" not in banner
    assert "<code>path_syntax</code>" in banner
    assert "correct the target named in the answer" in banner


def test_the_list_names_whom_each_request_is_about(acme, ada, okta, scim):
    lena = scim.create("lena@acme.example", displayName="Lena & Co")["id"]
    scim.create("kim@acme.example")
    scim.create_group("Ops", lena)
    scim.get("/Users")
    rows = visit(ada).get(f"{base(okta)}/requests/").context["rows"]
    assert [about for _, about in rows] == ["", "Ops", "kim@acme.example", "Lena & Co"]
    html = page(visit(ada), f"{base(okta)}/requests/")
    assert '<span class="rc-who-sub">Lena &amp; Co</span>' in html


def test_who_is_awaited_is_named_as_sent(acme, ada, okta, scim):
    scim.create_group("Ops", "late-id")
    html = page(visit(ada), f"{base(okta)}/requests/{latest(acme).pk}/")
    assert "Members of groups are named who are not here; they join when they arrive." in html
    assert '<code class="rc-break">late-id</code>' in html


def test_a_password_is_masked(acme, ada, okta, scim):
    scim.create("lena@acme.example", password="correct horse battery")
    html = page(visit(ada), f"{base(okta)}/requests/{latest(acme).pk}/")
    assert "correct horse" not in html
    assert "***" in html


def test_each_filter_finds_what_it_names_and_nothing_else(acme, ada, okta, scim):
    lena = scim.create("lena@acme.example")["id"]
    scim.create("kim@acme.example")
    scim.patch(f"/Users/{lena}", {"op": "Replace", "path": "active", "value": "False"})
    scim.get("/Users/none")
    client, path = visit(ada), f"{base(okta)}/requests/"

    def found(query: str) -> list[tuple[str, int]]:
        rows = client.get(f"{path}?{query}").context["page"].rows
        return sorted((row.method, row.status) for row in rows)

    assert len(found("")) == 4
    assert found("outcome=refused") == [("GET", 404)]
    for asked, tab in (("outcome=refused", "Refused"), ("outcome=refused&method=GET", "Requests")):
        assert f'aria-current="page">{tab}</a>' in client.get(f"{path}?{asked}").content.decode()
    assert found("status_class=4") == [("GET", 404)]
    assert found("method=POST") == [("POST", 201), ("POST", 201)]
    assert found("person=lena@acme.example") == [("PATCH", 200), ("POST", 201)]
    assert found(f"person={lena}&method=PATCH") == [("PATCH", 200)]
    assert found("warnings=on") == [("PATCH", 200), ("POST", 201), ("POST", 201)]
    assert found("warnings=on&method=GET") == []
    assert found("notice=coerced") == [("PATCH", 200)]
    assert found("notice=password") == []
    assert found("code=not_found") == [("GET", 404)]
    assert found("path=none") == [("GET", 404)]
    assert found("since=2100-01-01T00:00") == []
    assert len(found("until=2100-01-01T00:00")) == 4


@pytest.mark.parametrize(
    "query", ["person=nobody", "since=yesterday", "method=TRACE", "status_class=9", "path=" + "x" * 201]
)
def test_a_filter_that_means_nothing_is_said_and_shows_nothing(acme, ada, okta, scim, query):
    scim.create("lena@acme.example")
    answer = visit(ada).get(f"{base(okta)}/requests/?{query}")
    assert answer.status_code == 400
    assert b'class="rc-error"' in answer.content
    assert answer.context["page"].rows == []


@pytest.mark.parametrize("query", ["person=a%00b", "path=%00", "after=zzz", f"after={BRACKETS}", "code=%00"])
def test_odd_input_is_no_failure(acme, ada, okta, scim, query):
    scim.create("lena@acme.example")
    assert visit(ada).get(f"{base(okta)}/requests/?{query}").status_code in {200, 400}


def test_the_list_turns_its_pages_and_loses_nothing(acme, ada, okta, scim, monkeypatch):
    monkeypatch.setattr("console.requests.PAGE_ROWS", 2)
    monkeypatch.setattr("console.paging.PAGE_ROWS", 2)
    for number in range(5):
        scim.create(f"p{number}@acme.example")
    client, path, seen, query = visit(ada), f"{base(okta)}/requests/", [], ""
    while True:
        shown = client.get(f"{path}?{query}").context["page"]
        seen += [row.pk for row in shown.rows]
        query = shown.following
        if not query:
            break
    assert seen == [row.pk for row in reversed(logged(acme))]


def test_a_rehearsal_shows_what_would_change_and_changes_nothing(acme, ada, okta, scim):
    lena = scim.create("lena@acme.example", displayName="Lena")["id"]
    with tenancy.of(acme):
        members.change(Member.objects.get(pk=lena), profile={"displayName": "Helena"}, actor=SETUP)
    before = len(logged(acme)), len(entries(acme, "member.change"))
    replay = f"{base(okta)}/requests/{logged(acme)[0].pk}/"
    html = page(visit(ada), f"{replay}replay")
    # The person is here by now, so today the request would be refused: that is what the page has to say.
    assert "409" in html
    assert "it would be refused" in html
    assert (len(logged(acme)), len(entries(acme, "member.change"))) == before


def put(scim: Scim, member: str, name: str) -> None:
    body = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "lena@acme.example",
        "displayName": name,
    }
    assert scim.put(f"/Users/{member}", body).status == 200


def test_applying_wants_a_word_where_something_was_written_since_and_is_recorded(acme, ada, okta, scim):
    lena = scim.create("lena@acme.example", displayName="Lena")["id"]
    put(scim, lena, "Lena One")
    row = latest(acme)
    put(scim, lena, "Lena Two")
    client, path = visit(ada), f"{base(okta)}/requests/{row.pk}/"
    html = page(client, f"{path}replay")
    for said in ("Lena Two", "Lena One", "This was changed after the request came", "Written since"):
        assert said in html
    refused = client.post(f"{path}apply")
    assert refused.status_code == 400
    assert b"replaying it may undo that" in refused.content
    assert entries(acme, "scim.replay") == []
    answer = client.post(f"{path}apply", {"despite_later": "yes"}, follow=True)
    assert answer.redirect_chain == [(path, 303)]
    assert "answered with 200; 1 value changed" in answer.content.decode()
    (entry,) = entries(acme, "scim.replay")
    assert (entry.actor_id, entry.subject_id, entry.outcome) == (str(ada.pk), str(row.pk), "success")
    with tenancy.of(acme):
        assert Member.objects.get(pk=lena).display_name == "Lena One"


def test_a_rehearsal_names_who_would_join_and_leave_a_group(acme, ada, okta, scim):
    lena, tom = (scim.create(f"{name}@acme.example")["id"] for name in ("lena", "tom"))
    schemas = ["urn:ietf:params:scim:schemas:core:2.0:Group"]
    group = scim.post(
        "/Groups", {"schemas": schemas, "displayName": "Desk", "members": [{"value": lena}]}
    ).body["id"]
    scim.patch(f"/Groups/{group}", {"op": "replace", "path": "members", "value": [{"value": tom}]})
    row = latest(acme)
    scim.patch(f"/Groups/{group}", {"op": "replace", "path": "members", "value": [{"value": lena}]})
    html = page(visit(ada), f"{base(okta)}/requests/{row.pk}/replay")
    assert "1 would join the group, 1 would leave it" in html
    for name, member in (("tom@acme.example", tom), ("lena@acme.example", lena)):
        assert f'href="/o/acme/members/{member}/"><bdi>{name}</bdi>' in html


def test_a_rehearsal_of_what_reads_says_so(acme, ada, okta, scim):
    scim.get("/Users")
    assert "it only reads" in page(visit(ada), f"{base(okta)}/requests/{latest(acme).pk}/replay")


def test_a_deletion_is_not_run_again_and_the_page_says_why(acme, ada, okta, scim):
    lena = scim.create("lena@acme.example")["id"]
    scim.delete(f"/Users/{lena}")
    path = f"{base(okta)}/requests/{latest(acme).pk}/"
    html = page(visit(ada), f"{path}replay")
    assert "A deletion is not run again" in html
    assert "It was tried" not in html
    answer = visit(ada).post(f"{path}apply")
    assert answer.status_code == 400
    assert b"A deletion is not run again" in answer.content


def test_whoever_may_not_change_people_sees_the_log_and_no_button(acme, okta, scim):
    scim.create("lena@acme.example")
    client = visit(join(acme, "otto@acme.example", role="auditor"))
    path = f"{base(okta)}/requests/{latest(acme).pk}/"
    assert "Run it again" not in page(client, path)
    assert client.get(f"{path}replay").status_code == 403
    assert client.post(f"{path}apply").status_code == 403


def test_the_directory_says_what_it_heard_last(acme, ada, okta, scim):
    client = visit(ada)
    assert "Nothing heard yet" in page(client, f"{base(okta)}/heard")
    scim.get('/Users?filter=userName eq "lena@acme.example"')
    html = page(client, f"{base(okta)}/heard")
    assert "GET /Users?filter=userName eq &quot;lena@acme.example&quot;" in html
    assert "s ago" in html


def test_a_body_that_is_no_json_is_shown_as_it_came(acme, ada, okta):
    Client().post(
        "/scim/v2/Users",
        data="{not json <b>",
        content_type="application/scim+json",
        headers={"Authorization": f"Bearer {okta.secret}"},
    )
    html = page(visit(ada), f"{base(okta)}/requests/{latest(acme).pk}/")
    assert "{not json &lt;b&gt;" in html
    assert "It was refused before it was understood." in html
