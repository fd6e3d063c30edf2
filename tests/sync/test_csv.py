"""The CSV connector: what a file says, in whatever form somebody exported it, and what it does not say."""

import io

import pytest

from identity import directory_kinds, pulls
from identity.directory_kinds import Field
from identity.errors import Invalid
from tasks.connectors.csv import CsvConnector
from tasks.connectors.faults import Misconfigured, NotUnderstood, ResyncNeeded
from tasks.connectors.interface import kind_of
from tasks.connectors.mapping import profile_of
from tests.conftest import SETUP

MAPPING = {
    "external_id": "No", "user_name": "Login", "email": "Mail", "familyName": "Name", "active": "Active", "groups": "Teams",
}  # fmt: skip
TEXT = "No;Login;Mail;Name;Active;Teams\n7;zoë;zoe@x.example;Müller;yes;Sales|Berlin\n8;bo;;;no;\n9;cy;;;maybe;Sales\n"


def read(body, checkpoint=None, cookie=None, **settings):
    data = body.encode() if isinstance(body, str) else body
    connector = CsvConnector({"mapping": MAPPING, **settings}, {}, file=io.BytesIO(data))
    return list(connector.fetch(checkpoint=checkpoint, cookie=cookie))


def people(pages):
    return [(person.external_id, person.user_name, person.active) for page in pages for person in page.people]


def test_a_row_is_a_person_with_groups():
    (page,) = read(TEXT)
    assert people([page]) == [("7", "zoë", True), ("8", "bo", False), ("9", "cy", None)]
    assert page.people[0].profile == {
        "emails": [{"value": "zoe@x.example", "type": "work", "primary": True}],
        "name": {"familyName": "Müller"},
    }
    assert [group.external_id for group in page.groups] == ["Sales", "Berlin"]
    assert [(item.group, item.member) for item in page.memberships] == [
        ("Sales", "7"),
        ("Berlin", "7"),
        ("Sales", "9"),
    ]
    assert page.end.whole
    assert not page.end.incomplete


@pytest.mark.parametrize(
    ("body", "settings"),
    [
        (TEXT.encode("utf-8-sig"), {}),
        (TEXT.encode("utf-16"), {}),
        (TEXT.encode("cp1252"), {}),
        (TEXT.encode("cp1252"), {"encoding": "cp1252"}),
        (TEXT.replace(";", ",").encode(), {}),
        (TEXT.encode("utf-16-le"), {}),
        (TEXT.encode("utf-16-be"), {"encoding": "utf-16"}),
        (("\ufeff" + TEXT).encode("utf-16-be"), {}),
        (("sep=;\r\n" + TEXT).encode(), {}),
        (('\ufeff"sep=;"\n' + TEXT).encode(), {"delimiter": "comma"}),
        (("sep=\t\n" + TEXT.replace(";", "\t")).encode("utf-16"), {}),
        (TEXT.replace("\n", ";;\n").encode(), {}),  # two columns that hold nothing
        ((TEXT + ";;;;;\n" * 3 + "\x1a").encode(), {}),
        (TEXT.replace(";", "\t").replace("\n", "\r\n").encode(), {"delimiter": "tab"}),
        (TEXT.replace("|", "+").replace(";", "|").encode(), {"delimiter": "pipe", "groups_separator": "+"}),
    ],
)
def test_encoding_and_delimiter_are_found_out(body, settings):
    assert people(read(body, **settings))[0] == ("7", "zoë", True)
    (page,) = read(body, **settings)
    assert page.people[0].profile["name"] == {"familyName": "Müller"}
    assert (len(page.people), page.unreadable, page.end.whole) == (3, [], True)


@pytest.mark.parametrize(
    ("yes", "no"),
    [("WAHR", "FALSCH"), ("VRAI", "FAUX"), ("VERDADERO", "FALSO"), ("WAAR", "ONWAAR"), ("PRAWDA", "FAŁSZ"), ("ИСТИНА", "ЛОЖЬ")],
)  # fmt: skip
def test_a_spreadsheet_says_yes_and_no_in_its_own_language(yes, no):
    body = f"No;Login;Mail;Name;Active;Teams\n1;a;;;{yes};\n2;b;;;{no};\n"
    assert people(read(body)) == [("1", "a", True), ("2", "b", False)]


def test_a_word_of_ones_own_for_active_is_asked_for_and_named():
    body = "No;Login;Mail;Name;Active;Teams\n1;a;;;A;\n2;b;;;Ausgeschieden;\n3;c;;;x;\n4;d;;;;\n"
    settings = {"mapping": MAPPING, "active_words": ["a "], "inactive_words": ["ausgeschieden", "X"]}
    assert [active for _, _, active in people(read(body))] == [None, None, True, None]
    assert [active for _, _, active in people(read(body, **settings))] == [True, False, False, None]
    verdict = CsvConnector({"mapping": MAPPING}, {}, file=io.BytesIO(body.encode())).test()
    assert not verdict.ok
    assert "“A”, “Ausgeschieden”" in verdict.sentence
    assert CsvConnector(settings, {}, file=io.BytesIO(body.encode())).test().ok


def test_the_line_of_a_row_counts_excels_own_first_line():
    (page,) = read("sep=;\nNo;Login;Mail;Name;Active;Teams\n;x;;;;\n")
    assert [item.place for item in page.unreadable] == ["line 3"]


def test_the_wrong_encoding_is_said_and_not_guessed_through():
    with pytest.raises(NotUnderstood, match="encoding"):
        read(TEXT.encode("cp1252"), encoding="utf-8")


@pytest.mark.parametrize(
    "body", ["No;Login;Mail;Name;Active;Teams\n;x;;;;\n", "No;Login;Mail;Name;Active;Teams\n1;x;;\n"]
)
def test_a_row_that_cannot_be_read_is_told_by_its_line(body):
    (page,) = read(body)
    assert [item.place for item in page.unreadable] == ["line 2"]
    assert page.people == []


@pytest.mark.parametrize(
    ("body", "settings", "says"),
    [
        ("", {}, "empty"),
        ("No;Login;Mail;Name;Active;Teams;Active\n", {}, "columns of the file have the name Active"),
        (b"PK\x03\x04" + bytes(range(256)), {}, "Excel workbook"),
        (b"\xd0\xcf\x11\xe0" + bytes(range(256)), {}, "Excel workbook"),
        ("No;Login\n1;x\n", {}, "no column Mail"),
        (TEXT, {"mapping": {"user_name": "Login"}}, "external_id"),
        (TEXT, {"mapping": {**MAPPING, "shoe_size": "Name"}}, "shoe_size"),
    ],
)
def test_a_setting_that_leads_nowhere_ends_the_run(body, settings, says):
    with pytest.raises(Misconfigured, match=says):
        read(body, **settings)


def test_columns_of_one_name_that_nobody_asks_for_are_passed_over():
    body = "Date;No;Login;Mail;Name;Active;Teams;Date\nx;7;zoë;;;yes;;y\n"
    assert people(read(body)) == [("7", "zoë", True)]


@pytest.mark.parametrize(
    ("settings", "tail", "lacks"),
    [
        ({}, "", ""),
        ({"rows_min": 4}, "", "at least 4"),
        ({"trailer": "TRAILER"}, "TRAILER;3\n", ""),
        ({"trailer": "TRAILER"}, "TRAILER;3;;;;\n", ""),
        ({"trailer": "TRAILER"}, "TRAILER;4\n", "says 4"),
        ({"trailer": "TRAILER"}, "", "missing"),
    ],
)
def test_a_file_that_was_cut_off_says_so(settings, tail, lacks):
    (page,) = read(TEXT + tail, **settings)
    assert (lacks in page.end.incomplete) if lacks else page.end.incomplete == ""
    assert len(page.people) == 3
    assert page.unreadable == []


def test_an_interrupted_file_goes_on_behind_its_checkpoint():
    body = "No,Login\n" + "".join(f"{number},p{number}\n" for number in range(2500))
    mapping = {"external_id": "No", "user_name": "Login"}
    pages = read(body, mapping=mapping)
    assert [len(page.people) for page in pages] == [1000, 1000, 500]
    rest = read(body, mapping=mapping, checkpoint=pages[1].checkpoint)
    assert people(rest) == people(pages[2:])
    with pytest.raises(ResyncNeeded):
        read(body + "x,y\n", mapping=mapping, checkpoint=pages[0].checkpoint)


def test_the_same_file_is_no_second_word():
    cookie = read(TEXT)[-1].end.cookie
    (page,) = read(TEXT, cookie=cookie)
    assert (page.people, page.end.whole) == ((), False)
    assert read(TEXT + "10;di;;;;\n", cookie=cookie)[-1].end.whole


def test_without_a_file_the_test_says_what_to_do():
    verdict = kind_of(CsvConnector).test({"mapping": MAPPING}, {}, None)
    assert (verdict.ok, verdict.code) == (False, "misconfigured")
    assert "upload" in verdict.sentence
    verdict = kind_of(CsvConnector).test(
        {"mapping": MAPPING}, {}, io.BytesIO(TEXT.replace("maybe", "").encode())
    )
    assert (verdict.ok, verdict.sample) == (True, ["zoë", "bo", "cy"])


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ([], "settings"),
        ({}, "settings.mapping"),
        ({"mapping": {}}, "settings.mapping"),
        ({"mapping": {"a": 1}}, "settings.mapping"),
        ({"mapping": {**MAPPING, "display_name": "Name"}}, "settings.mapping"),
        ({"mapping": {"external_id": "No"}}, "settings.mapping"),
        ({"mapping": MAPPING, "colour": "red"}, "settings.colour"),
        ({"mapping": MAPPING, "encoding": "klingon"}, "settings.encoding"),
        ({"mapping": MAPPING, "rows_min": True}, "settings.rows_min"),
        ({"mapping": MAPPING, "rows_min": 0}, "settings.rows_min"),
        ({"mapping": MAPPING, "trailer": "a\0b"}, "settings.trailer"),
    ],
)
def test_settings_are_checked_as_declared(values, path):
    with pytest.raises(Invalid) as refused:
        directory_kinds.check(CsvConnector.setting_fields, values, "settings")
    assert refused.value.field == path


def test_a_mapping_is_refused_where_it_is_set_and_not_by_the_first_run(acme):
    mapping = {"external_id": "No", "user_name": "Login", "display_name": "Name"}
    with pytest.raises(Invalid, match="last_day: display_name is none of them"):
        pulls.create(acme, kind="csv", name="HR", settings={"mapping": mapping}, actor=SETUP)
    with pytest.raises(Invalid, match="fills external_id and user_name: user_name is missing"):
        pulls.create(acme, kind="csv", name="HR", settings={"mapping": {"external_id": "No"}}, actor=SETUP)


def test_a_refused_credential_is_not_repeated():
    with pytest.raises(Invalid) as refused:
        directory_kinds.check([Field("key", "Key", "number")], {"key": "geheim"}, "credentials")
    assert "geheim" not in refused.value.message


def test_a_profile_has_its_standard_places():
    assert profile_of(
        {"displayName": " A ", "givenName": "", "department": "R&D", "email": ["a@x", "b@x"], "mobile": "1", "manager": "7"}
    ) == {
        "displayName": "A",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "R&D", "manager": {"value": "7"}},
        "emails": [{"value": "a@x", "type": "work", "primary": True}, {"value": "b@x", "type": "work"}],
        "phoneNumbers": [{"value": "1", "type": "mobile"}],
    }  # fmt: skip
