"""Reading the record: newest first, filtered, paged, opened, downloaded."""

from html import unescape

import pytest

from audit import sequencer
from demo.idp_logout import logout_request
from demo.idp_messages import form_value
from identity import members
from saml.refusals import CATALOGUE
from tests.api.client import jsonl_of
from tests.conftest import SETUP, join
from tests.console.addresses import address
from tests.console.conftest import entries, visit
from tests.saml.door import Browser, connect


def numbers(html: str) -> list[str]:
    return [part.partition("<")[0] for part in html.split('<td class="rc-number rc-muted">')[1:]]


def titles(html: str) -> list[str]:
    return [
        part.partition(">")[2].partition("<")[0]
        for part in html.split('<th scope="row"><a class="rc-strong"')[1:]
    ]


def test_what_just_happened_stands_first_even_before_it_has_its_number(things, ada):
    members.suspend(things.member, actor=SETUP)
    html = visit(ada).get("/o/acme/record/").content.decode()
    assert numbers(html)[0] == "…"
    assert "Member suspended" in titles(html)[:4]
    sequencer.run()
    assert "…" not in numbers(visit(ada).get("/o/acme/record/").content.decode())[2:]


def test_the_record_turns_pages_by_number_without_a_gap(acme, ada):
    for number in range(40):
        join(acme, f"m{number:03d}")
    sequencer.run()
    client = visit(ada)
    sequencer.run()
    seen, query = [], ""
    while True:
        html = client.get(f"/o/acme/record/{query}").content.decode()
        seen += numbers(html)
        if 'rel="next"' not in html:
            break
        query = html.split('rel="next"')[0].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
    assert [int(number) for number in seen] == list(range(len(seen), 0, -1))


def test_filters_choose_by_event_outcome_actor_subject_day_and_request(things, ada):
    client = visit(ada)
    client.post("/o/acme/domains/", {"name": "no domain"})
    client.post(address("member_suspend", things), {"reason": "leave"})
    request_id = entries(things.organization, "member.suspend")[0].request_id

    def found(**query: str) -> list[str]:
        return titles(client.get("/o/acme/record/", query).content.decode())

    assert found(event="member.suspend") == ["Member suspended"]
    assert set(found(outcome="refused")) == {"Sign-in refused"}
    assert found(actor=str(ada.pk), event="member.suspend") == ["Member suspended"]
    assert found(actor="ADA@acme.example", event="member.suspend") == ["Member suspended"]
    assert found(subject="lena", event="member.suspend") == ["Member suspended"]
    assert found(subject=things.member.user_name, event="member.suspend") == ["Member suspended"]
    assert "Member suspended" in found(request=request_id)
    assert "Member created" not in found(request=request_id)
    assert found(until="2020-01-01") == found(since="2090-01-01") == found(subject="100%") == []


@pytest.mark.parametrize("page", ["record", "sign-ins"])
def test_the_first_and_the_last_day_of_all_are_days(ada, page):
    days = {"since": "0001-01-01", "until": "9999-12-31"}
    assert visit(ada).get(f"/o/acme/{page}/", days).status_code == 200


def test_bad_filters_are_answered_with_a_sentence(ada):
    answer = visit(ada).get("/o/acme/record/", {"since": "yesterday", "event": "no.such"})
    assert answer.status_code == 400
    assert b"Enter a valid date." in answer.content


def test_an_entry_opens_with_old_and_new(things, ada):
    html = visit(ada).get(address("entry", things)).content.decode()
    assert '<span class="rc-old">active</span>' in html
    assert '<span class="rc-new">offboarded</span>' in html
    assert "member.offboard" in html


def test_the_downloads_hold_what_the_filters_choose_and_are_recorded(things, ada):
    client = visit(ada)
    answer = client.get("/o/acme/record.jsonl", {"event": "member.offboard"})
    assert [line["event"] for line in jsonl_of(answer)] == ["member.offboard"]
    assert "attachment" in answer["Content-Disposition"]
    text = b"".join(client.get("/o/acme/record.csv").streaming_content).decode()
    # A spreadsheet takes it for UTF-8 by its first character.
    assert text.startswith("\ufeffseq,id,happened_at,event")
    assert len(entries(things.organization, "record.download")) == 2


def test_a_download_by_a_part_of_a_name_is_not_offered(things, ada):
    client = visit(ada)
    assert b"record.csv" not in client.get("/o/acme/record/", {"subject": "len"}).content
    assert client.get("/o/acme/record.csv", {"subject": "len"}).status_code == 404
    assert (
        b"record.csv?subject=" in client.get("/o/acme/record/", {"subject": things.member.user_name}).content
    )


def test_a_message_leads_to_the_entries_of_what_was_done(things, ada):
    client = visit(ada)
    html = client.post(address("member_suspend", things), follow=True).content.decode()
    link = html.split('class="alert-link" href="')[1].partition('"')[0]
    assert "Member suspended" in titles(client.get(link).content.decode())


def test_structures_are_told_as_people_read_them(acme, ada):
    mona = join(acme, "mona@acme.example", name={"formatted": "Mona Mills", "givenName": "Mona"})
    html = visit(ada).get(f"/o/acme/members/{mona.pk}/").content.decode()
    assert "name: none → Mona Mills" in html
    assert "&#x27;givenName" not in html


def test_a_refused_sign_out_is_explained_where_it_stands(acme, ada):
    """A logout message has no line in the sign-in log, so its entry says what to do, and where in that product."""
    connection = connect(acme, idp_preset="lemonldap")
    browser = Browser(connection)
    asked = form_value(logout_request(browser.idp, browser.where["sls_url"]))
    assert browser.client.post(browser.path("sls"), {"SAMLRequest": asked}).status_code == 403
    [entry] = entries(acme, "sign_out.refuse")
    assert entry.reason == "logout_not_signed"
    shown = visit(ada).get(f"/o/acme/record/{entry.pk}/").content.decode()
    assert CATALOGUE[entry.reason].means in unescape(shown)
    assert CATALOGUE[entry.reason].fix in unescape(shown)
    assert "Sign SLO message: On" in shown
    [other] = entries(acme, "connection.create")
    assert "rc-fix" not in visit(ada).get(f"/o/acme/record/{other.pk}/").content.decode()
