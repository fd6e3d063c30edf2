"""Every page keeps to the strict policy: no inline style or script, nothing from elsewhere, and headings and labels in order."""

import re
from html.parser import HTMLParser

import pytest
from django.core.management import call_command
from django.template.loader import render_to_string
from django.test import Client

from tests.console.addresses import address, shown
from tests.console.conftest import visit


class Reader(HTMLParser):
    """Collects what a page must not hold, and what it must."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.headings: list[int] = []
        self.labelled: set[str] = set()
        self.fields: list[dict[str, str | None]] = []
        self.ids: list[str] = []
        self.depth_label = 0

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if "style" in values or tag == "style":
            self.faults.append(f"style in {tag}")
        self.faults += [f"{name} in {tag}" for name in values if name.startswith("on")]
        if tag == "script" and not values.get("src"):
            self.faults.append("inline script")
        self.faults += [
            f"{tag} {name}={values[name]}"
            for name in ("src", "href", "action")
            if tag != "a" and (values.get(name) or "").startswith(("http:", "//", "javascript:", "data:"))
        ]
        if tag == "img" and "alt" not in values:
            self.faults.append("img without alt")
        if tag == "th" and "scope" not in values:
            self.faults.append("th without scope")
        self.note_structure(tag, values)

    def note_structure(self, tag, values):
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "label":
            self.depth_label += 1
            self.labelled.add(values.get("for") or "")
        if tag in {"input", "select", "textarea"} and values.get("type") not in {"hidden", "submit"}:
            self.fields.append(values | {"inside": "yes" if self.depth_label else ""})
        if values.get("id"):
            self.ids.append(values["id"])

    def handle_endtag(self, tag):
        if tag == "label":
            self.depth_label -= 1


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


def pages(things, opal) -> dict[str, str]:
    client = visit(opal)
    found = {
        name: client.get(address(name, things)).content.decode() for name in shown() if name != "my_password"
    }
    issued = client.post(address("token_issue", things), {"name": "Second", "days": "90"})
    found["token_issue"] = issued.content.decode()
    found["sign_in"] = Client().get("/sign-in").content.decode()
    found["sign_in refused"] = Client().post("/sign-in", {"user_name": "x", "password": "y"}).content.decode()
    found["404"] = client.get("/nowhere").content.decode()
    found["form refused"] = client.post(address("domains", things), {"name": "not a domain"}).content.decode()
    return found


def test_no_page_holds_an_inline_style_or_script_or_anything_from_elsewhere(things, opal):
    faults = {name: read(html).faults for name, html in pages(things, opal).items()}
    assert {name: found for name, found in faults.items() if found} == {}


def test_every_field_has_a_label_every_id_is_once_and_headings_begin_at_one(things, opal):
    for name, html in pages(things, opal).items():
        reader = read(html)
        unlabelled = [
            field
            for field in reader.fields
            if not field["inside"] and field.get("id") not in reader.labelled and "aria-label" not in field
        ]
        assert unlabelled == [], name
        assert len(reader.ids) == len(set(reader.ids)), name
        assert reader.headings[0] == 1, name
        assert reader.headings.count(1) == 1, name
        steps = zip(reader.headings, reader.headings[1:], strict=False)
        assert all(later - earlier <= 1 for earlier, later in steps), (name, reader.headings)


def test_every_page_carries_the_strict_policy(things, ada):
    answers = [visit(ada).get(address(name, things)) for name in ("overview", "member", "record")]
    answers += [Client().get("/sign-in"), Client().get("/nowhere")]
    for answer in answers:
        policy = dict(
            part.strip().partition(" ")[::2]
            for part in answer["Content-Security-Policy"].split(";")
            if part.strip()
        )
        assert policy["default-src"] == "'none'"
        assert policy["script-src"].split()[0] == "'self'"
        assert policy["style-src"].split()[0] == "'self'"
        assert "unsafe" not in answer["Content-Security-Policy"]
        assert policy["frame-ancestors"] == "'none'"
        assert policy["form-action"] == "'self'"
        assert answer["X-Content-Type-Options"] == "nosniff"


def test_pages_about_people_are_kept_by_no_cache(things, ada):
    assert "no-store" in visit(ada).get(address("member", things))["Cache-Control"]


@pytest.mark.parametrize("path", ["/nowhere", "/o/nobody/members/"])
def test_what_is_not_there_answers_with_a_plain_page(things, ada, path):
    answer = visit(ada).get(path)
    assert answer.status_code == 404
    assert b"Nothing here" in answer.content


def test_a_members_text_is_never_markup(things, ada):
    from identity import members
    from tests.conftest import SETUP

    members.change(things.member, actor=SETUP, profile={"displayName": "<script>alert(1)</script>"})
    html = visit(ada).get(address("member", things)).content.decode()
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html


@pytest.mark.parametrize("name", ["400.html", "403.html", "403_csrf.html", "404.html", "500.html"])
def test_error_pages_need_nothing_of_the_request(name):
    html = render_to_string(name)
    assert read(html).faults == []
    assert read(html).headings == [1]


def test_the_static_files_stand_the_hashing_of_production(tmp_path, settings):
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    }
    call_command("collectstatic", interactive=False, verbosity=0)
    names = {path.name for path in (tmp_path / "console").rglob("*")}
    assert any(re.fullmatch(r"console\.[0-9a-f]{12}\.css", name) for name in names)
    sheet = next(path for path in (tmp_path / "console").glob("console.*.css")).read_text()
    assert re.search(r"vendor/inter-latin-wght-normal\.[0-9a-f]{12}\.woff2", sheet)
