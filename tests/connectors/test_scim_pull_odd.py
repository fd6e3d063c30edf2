"""SCIM servers that page, number and leave out as real ones do, against a server of one's own that is told how."""

import json
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

import pytest

from tasks.connectors.faults import NotUnderstood
from tasks.connectors.scim_pull import ScimConnector
from tests.connectors.listing import run
from tests.site import opened

PAGE = 3
PEOPLE = [{"id": f"id-{number}", "userName": f"person{number}", "active": True} for number in range(7)]


class Odd(BaseHTTPRequestHandler):
    """A server with users and groups.

    `pages` says whether it looks at startIndex, `alone` has what one group says by itself, `nothing` stands for an empty list.
    """

    def do_GET(self):
        path = urlsplit(self.path)
        asked = parse_qs(path.query, keep_blank_values=True)
        self.server.asked.append(path.path)
        kind, _, key = path.path.strip("/").partition("/")
        if key:
            found = self.server.alone.get(key)
            return self._answer(200 if found else 404, found or {})
        if kind == "ServiceProviderConfig":
            return self._answer(200, {"pagination": {"cursor": True}})
        if kind not in {"Users", "Groups"}:
            return self._answer(404, {})
        if "cursor" in asked:
            return self._answer(
                200, {"Resources": [], "totalResults": 0, "nextCursor": self.server.following}
            )
        everything = self.server.users if kind == "Users" else self.server.groups
        first = int(asked["startIndex"][0]) - 1 if self.server.pages else 0
        listed = everything[first : first + PAGE]
        return self._answer(
            200, {"totalResults": len(everything), "Resources": listed or self.server.nothing}
        )

    def _answer(self, status, body):
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/scim+json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


@pytest.fixture
def odd(settings):
    settings.ROLLCALL_OUTBOUND_ALLOW = ("localhost",)
    with opened(Odd, users=PEOPLE, groups=[], alone={}, pages=True, asked=[], nothing=[]) as server:
        yield server


def pull(odd, **more):
    return ScimConnector({"api_url": odd.root, "page_size": 100, "cursors": "never"} | more, {})


def test_a_smaller_page_than_was_asked_for_is_followed_by_the_next(odd):
    listing = run(pull(odd))
    assert (len(listing.people), listing.end.people, listing.end.incomplete) == (7, 7, "")


def test_a_list_of_nothing_may_be_null(odd):
    odd.nothing = None
    listing = run(pull(odd))
    assert (len(listing.people), listing.groups, listing.end.incomplete) == (7, {}, "")


def test_a_server_that_does_not_look_at_start_index_is_refused(odd):
    """The first three again and again would pass for all seven, and four people for leavers."""
    odd.pages = False
    with pytest.raises(NotUnderstood, match="startIndex 4"):
        run(pull(odd))


@pytest.mark.parametrize("following", [{"at": 3}, ["3"], True])
def test_a_next_cursor_that_is_no_text_is_refused(odd, following):
    odd.following = following
    with pytest.raises(NotUnderstood, match="nextCursor"):
        run(pull(odd, cursors="auto"))


def test_ids_may_be_numbers(odd):
    odd.users = [{"id": 17, "userName": "jane", "active": True}]
    odd.groups = [{"id": 4, "displayName": "Traders", "members": [{"value": 17}]}]
    listing = run(pull(odd))
    assert listing.people["jane"].external_id == "17"
    assert listing.members == {"Traders": {("17", True)}}


@pytest.mark.parametrize(
    ("active", "flag"),
    [("True", True), ("false", False), (False, False), ("", None), (1, None), (None, None)],
)
def test_active_may_be_text_and_what_is_neither_says_nothing(odd, active, flag):
    odd.users = [{"id": "1", "userName": "jane", "active": active}, {"id": "2", "userName": "john"}]
    assert {name: one.active for name, one in run(pull(odd)).people.items()} == {"jane": flag, "john": True}


@pytest.mark.parametrize("key", [None, "", True, ["x"]])
def test_what_is_no_id_is_unreadable(odd, key):
    odd.users = [{"id": key, "userName": "jane"}]
    odd.groups = [{"id": key, "displayName": "Traders"}]
    listing = run(pull(odd))
    assert (listing.people, listing.groups, len(listing.unreadable)) == ({}, {}, 2)


def test_members_that_a_list_leaves_out_are_asked_of_the_group(odd):
    odd.groups = [
        {"id": "full", "displayName": "Full"},
        {"id": "empty", "displayName": "Empty"},
        {"id": "gone", "displayName": "Gone"},
        {"id": "told", "displayName": "Told", "members": []},
        {"id": "null", "displayName": "Null", "members": None},
    ]
    odd.alone = {
        "full": odd.groups[0] | {"members": [{"value": "id-1"}]},
        "empty": odd.groups[1],
        "null": odd.groups[4],
    }
    listing = run(pull(odd))
    assert listing.members == {
        "Full": {("id-1", True)}, "Empty": set(), "Gone": set(), "Told": set(), "Null": set(),
    }  # fmt: skip
    assert {group.display_name: group.members for group in listing.groups.values()} == {
        "Full": "all", "Empty": "all", "Gone": "unknown", "Told": "all", "Null": "all",
    }  # fmt: skip
    assert "/Groups/told" not in odd.asked
    for place, page in enumerate(listing.pages[:-1]):
        again = run(pull(odd), checkpoint=page.checkpoint)
        earlier = {
            key for one in listing.pages[: place + 1] for key in [group.external_id for group in one.groups]
        }
        assert earlier | set(again.groups) == {"full", "empty", "gone", "told", "null"}


def test_times_sort_as_the_moments_do_however_many_digits_are_written(odd):
    moments = [
        "2026-01-31T10:00:00Z", "2026-01-31T10:00:00.0405Z", "2026-01-31T10:00:00.05Z", "2026-01-31T12:00:00.123456789+02:00",
        "2026-01-31T10:00:00.5Z", "2026-01-31T09:00:01-01:00", "2026-01-31T10:00:01.100Z",
    ]  # fmt: skip
    odd.users = [PEOPLE[place] | {"meta": {"lastModified": text}} for place, text in enumerate(moments)]
    versions = [one.version for one in run(pull(odd)).people.values()]
    assert versions == sorted(set(versions))
    # Former releases kept what was written: nobody's present state looks older than that.
    assert all(text < version for text, version in zip(moments, versions, strict=True) if text.endswith("Z"))


@pytest.mark.parametrize(
    "modified", [None, 1, "yesterday", "2026-01-31T10:00:00", "0001-01-01T00:00:00+23:59", {}]
)
def test_what_is_no_moment_says_nothing(odd, modified):
    odd.users = [PEOPLE[0] | {"meta": {"lastModified": modified}}]
    assert [one.version for one in run(pull(odd)).people.values()] == [""]
