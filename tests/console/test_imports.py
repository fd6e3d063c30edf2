"""Importing a list in the console: a file, what it would do, and then exactly that."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from identity import roles, tenancy
from identity.models import Member
from tests.conftest import SETUP, join
from tests.console.conftest import visit

PATH = "/o/acme/members/import"
TEXT = "user_name,email,roles\njoe@acme.example,joe@acme.example,auditor\njane@acme.example,,\n"


def upload(content: bytes):
    return SimpleUploadedFile("people.csv", content, "text/csv")


def hidden(html: str) -> dict[str, str]:
    digest = re.search(r'name="digest" value="([0-9a-f]{64})"', html)
    return {"digest": digest[1]} if digest else {}


def people(organization):
    with tenancy.of(organization):
        return set(Member.objects.values_list("user_name", flat=True))


def test_a_file_is_previewed_and_then_done(acme, ada, jane):
    client = visit(ada)
    shown = client.post(PATH, {"kind": "members", "file": upload(b"\xef\xbb\xbf" + TEXT.encode())})
    html = shown.content.decode()
    assert "Nothing has happened yet: 1 brought in, 1 as they are." in html
    assert "<code>emails</code> — → joe@acme.example" in html
    assert "joe@acme.example" not in people(acme)
    done = client.post(PATH, {"kind": "members", "csv": TEXT, **hidden(html)}, follow=True)
    assert "1 brought in, 1 as they are" in done.content.decode()
    assert "joe@acme.example" in people(acme)


def test_lines_at_fault_are_shown_and_nothing_can_be_done(acme, ada):
    shown = visit(ada).post(PATH, {"kind": "members", "csv": TEXT + "x,no address,emperor\n"})
    html = shown.content.decode()
    assert "The organization has no role emperor." in html
    assert hidden(html) == {}


def test_another_list_than_the_previewed_one_is_refused(acme, ada):
    client = visit(ada)
    digest = hidden(client.post(PATH, {"kind": "members", "csv": TEXT}).content.decode())
    answer = client.post(PATH, {"kind": "members", "csv": TEXT.replace("joe", "jim"), **digest})
    assert (answer.status_code, b"This is not what was previewed" in answer.content) == (400, True)
    assert people(acme) == {"ada@acme.example"}


@pytest.mark.parametrize(
    ("posted", "told"),
    [
        ({}, b"Choose a file, or paste its text."),
        ({"file": b"user_name\nj\xfcrgen\n"}, b"The file is not UTF-8."),
        ({"file": b"x" * 1_000_001}, b"The file is too large"),
        ({"csv": "name\nx"}, b"The first line names the columns"),
        ({"kind": "animals", "csv": "x"}, b"is not one of the available choices"),
    ],
)
def test_what_is_no_list_is_refused_in_a_sentence(acme, ada, posted, told):
    values = {"kind": "members"} | posted
    if "file" in values:
        values["file"] = upload(values["file"])
    answer = visit(ada).post(PATH, values)
    assert (answer.status_code, told in answer.content) == (400, True), answer.content


def test_nobody_gives_more_than_they_have(acme, ada):
    roles.define(acme, "desk", capabilities=["members.read", "members.write"], actor=SETUP)
    desk = join(acme, "desk@acme.example", role="desk")
    manager = join(acme, "max@acme.example", role="member_manager")
    steal = {"kind": "members", "csv": "user_name,roles\nmax@acme.example,organization_admin\n"}
    assert b"You cannot give or take" in visit(manager).post(PATH, steal).content
    for values in (steal, {"kind": "grants", "csv": "user_name,kind,id,permission\n"}):
        assert b"needs the capability access.write" in visit(desk).post(PATH, values).content
