"""A name with characters that nobody sees turns nothing around, on no page, in no letter and in no CSV, and is kept as it came."""

import re

import pytest

from audit import sequencer
from console.turned import marked
from identity import groups, invitations, organizations, tenancy
from identity.models import OutgoingMail
from tests.conftest import SETUP, again, join
from tests.console.conftest import filled_from, visit
from tests.scim.talk import Scim

RLO, PDF, LRI, ZWSP, ZWNJ, RLM = "\u202e", "\u202c", "\u2066", "\u200b", "\u200c", "\u200f"
MARK = '<abbr class="rc-unseen" title="right-to-left override, which nobody sees">U+202E</abbr>'


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        (f"<p>Eve{RLO} is out</p>", f"<p>Eve{MARK} is out</p>"),
        (f'<input value="Eve{RLO}"><b title="{RLO}">b</b>', None),
        (f"<textarea name=x>Eve{RLO}</textarea>{RLO}", f"<textarea name=x>Eve{RLO}</textarea>{MARK}"),
        (f"<title>Eve{RLO}</title>", "<title>Eve[U+202E]</title>"),
        (f'<option value="{RLO}">Eve{RLO}</option>', f'<option value="{RLO}">Eve[U+202E]</option>'),
        (f"<p>می{ZWNJ}خواهم{RLM}</p>", None),
        (f"<p>ភាសា{ZWSP}ខ្មែរ</p>", None),
        (
            f"<p>ada{ZWSP}@acme</p>",
            '<p>ada<abbr class="rc-unseen" title="zero width space, which nobody sees">U+200B</abbr>@acme</p>',
        ),
    ],
)
def test_what_nobody_sees_is_marked_in_texts_alone(page, shown):
    assert marked(page) == (shown or page)


def turned(html: str) -> list[str]:
    """Give the characters that turn a page's texts around."""
    texts = re.sub(r"<textarea.*?</textarea>|<[^>]*>", "", html, flags=re.DOTALL)
    return re.findall("[\u202a-\u202e\u2066-\u2069]", texts)


def test_no_page_is_turned_around_and_saving_a_form_keeps_the_name(acme, ada):
    organizations.change(acme, actor=SETUP, name=f"Acme{RLO}")
    eve = join(acme, f"eve{RLO}", displayName=f"Eve{RLO} {LRI}Evans", title=f"Boss{RLO}")
    groups.create(acme, display_name=f"Staff{RLO}", members=[str(eve.pk)], actor=SETUP)
    client = visit(ada)
    for path in (
        "",
        "members/",
        f"members/{eve.pk}/",
        f"members/{eve.pk}/offboard",
        f"members/{eve.pk}/timeline",
        "groups/",
        "record/",
        "settings",
    ):
        html = client.get(f"/o/acme/{path}").content.decode()
        assert "U+202E" in html, path
        assert turned(html) == [], path
    path = f"/o/acme/members/{eve.pk}/profile"
    assert client.post(path, filled_from(client, path) | {"title": "Boss"}).status_code == 303
    assert again(eve).profile["displayName"] == f"Eve{RLO} {LRI}Evans"


def test_a_message_about_somebody_is_not_turned_around(acme, ada):
    eve = join(acme, "eve@acme.example", displayName=f"Eve{RLO}")
    html = visit(ada).post(f"/o/acme/members/{eve.pk}/suspend", {}, follow=True).content.decode()
    assert f"Eve{MARK} is suspended" in html


def test_letters_and_csv_leave_it_out(acme, ada):
    acme = organizations.change(acme, actor=SETUP, name=f"Acme{RLO} {LRI}Bakery{PDF}")
    invitations.create(acme, email="new@example.org", actor=SETUP)
    with tenancy.of(acme):
        letter = OutgoingMail.objects.get()
    assert "Acme Bakery" in letter.subject + letter.body
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", letter.subject + letter.body)
    sequencer.run()
    text = b"".join(visit(ada).get("/o/acme/record.csv").streaming_content).decode()
    assert "Acme Bakery" in text
    assert RLO not in text


def test_scim_answers_with_what_it_was_told(acme, okta):
    idp = Scim(okta)
    name = f"Eve{RLO} Evans{ZWSP}"
    made = idp.create("eve@example.org", displayName=name)
    assert idp.get(f"/Users/{made['id']}").body["displayName"] == name
