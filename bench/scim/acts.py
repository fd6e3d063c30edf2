"""What is measured of a SCIM server, the same for us and for the peers. Every answer is checked."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock, local
from typing import Any
from urllib.parse import quote

from client import Peer

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PAGE = 100
THOUSAND = 1000
LAST_PAGES = 8
_fresh = itertools.count(10_000_000)

Act = Callable[[int], object]


Person = Callable[[int], dict[str, Any]]


def short(number: int) -> dict[str, Any]:
    """Return a User with what is needed, and no more."""
    return {
        "schemas": [USER],
        "userName": f"p{number}@bench.example",
        "externalId": f"x{number}",
        "name": {"givenName": "P", "familyName": str(number)},
        "emails": [{"value": f"p{number}@bench.example", "type": "work", "primary": True}],
        "active": True,
    }


def whole(number: int) -> dict[str, Any]:
    """Return a User as a well-kept directory sends one: 21 attributes, of which five are of the enterprise extension."""
    return short(number) | {
        "schemas": [USER, ENTERPRISE],
        "name": {"givenName": "P", "familyName": str(number), "middleName": "M.", "formatted": f"P M. {number}"},
        "displayName": f"P {number}",
        "nickName": f"P{number}",
        "profileUrl": f"https://people.bench.example/{number}",
        "title": "Tour guide",
        "userType": "Employee",
        "preferredLanguage": "en-GB",
        "locale": "en-GB",
        "timezone": "Europe/Berlin",
        "emails": [
            {"value": f"p{number}@bench.example", "type": "work", "primary": True},
            {"value": f"p{number}@home.example", "type": "home"},
        ],
        "phoneNumbers": [
            {"value": "+49 30 901820", "type": "work", "primary": True},
            {"value": "+49 171 1234567", "type": "mobile"},
        ],
        "addresses": [
            {
                "type": "work", "streetAddress": "Platz der Luftbrücke 5", "locality": "Berlin", "region": "BE",
                "postalCode": "12101", "country": "DE", "primary": True,
            }
        ],
        ENTERPRISE: {
            "employeeNumber": str(number),
            "costCenter": "4130",
            "organization": "Bench",
            "division": "Theme Park",
            "department": "Tour Operations",
        },
    }  # fmt: skip


PEOPLE: dict[str, Person] = {"short": short, "whole": whole}


@dataclass
class Scene:
    """A server with people in it, as `person` says: their ids in order, the first of number 0; a group of a thousand; groups to add to."""

    peer: Peer
    person: Person
    ids: Sequence[str]
    thousand: str
    empty: Sequence[str]
    ten: str
    many: str = ""
    _has_walked: bool = False
    _walking: Lock = field(default_factory=Lock)
    _cursors: local = field(default_factory=local)

    def acts(self) -> dict[str, Act]:
        """Return what can be measured here, by name."""
        acts: dict[str, Act] = {
            "get": self.get,
            "filter": self.filter,
            "external": self.external,
            "email": self.email,
            "changed": self.changed,
            "list": self.list,
            "deep": self.deep,
            "jump": self.jump,
            "cursor": self.cursor,
            "active": self.active,
            "group": self.group,
            "create": self.create,
            "put": self.put,
            "okta": self.patch_okta,
            "entra": self.patch_entra,
            "add100": self.add_100,
            "one-10": self.one_more(self.ten),
            "groups": self.groups_of,
            "bulk": self.bulk,
            "bulk-patch": self.bulk_patch,
        }
        if self.many:
            acts |= {"bare": self.bare, "one-100k": self.one_more(self.many)}
        # At the end: those who are gone are read by nobody any more.
        return acts | {"delete": self.delete}

    def id_of(self, number: int) -> str:
        """Return the id of a person, each in their turn."""
        return self.ids[number % len(self.ids)]

    def get(self, number: int) -> None:
        """Read a person."""
        id_ = self.id_of(number)
        found = self.peer.asked("GET", f"/Users/{id_}")
        _check(str(found["id"]) == id_ and found["emails"][0]["value"].endswith("@bench.example"), found)

    def filter(self, number: int) -> None:
        """Find a person by userName."""
        number %= len(self.ids)
        name = f"p{number}@bench.example"
        found = self.peer.asked("GET", f"/Users?filter=userName%20eq%20%22{name}%22")
        _check(found["totalResults"] == 1 and found["Resources"][0]["userName"] == name, found)

    def external(self, number: int) -> None:
        """Find a person by externalId."""
        number %= len(self.ids)
        found = self._found(f'externalId eq "x{number}"')
        _check(found["totalResults"] == 1 and found["Resources"][0]["externalId"] == f"x{number}", found)

    def email(self, number: int) -> None:
        """Find a person by one of their addresses."""
        name = f"p{number % len(self.ids)}@bench.example"
        found = self._found(f'emails.value eq "{name}"')
        _check(found["totalResults"] == 1 and found["Resources"][0]["emails"][0]["value"] == name, found)

    def changed(self, _: int) -> None:
        """Ask who was changed since a moment ago, as an incremental import does: nobody."""
        now = (datetime.now(UTC) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        found = self._found(f'meta.lastModified gt "{now}"')
        _check(found["totalResults"] == 0, found)

    def _found(self, written: str) -> Any:
        return self.peer.asked("GET", f"/Users?filter={quote(written)}")

    def list(self, _: int) -> None:
        """Read the first page of a hundred."""
        self._page(1)

    def deep(self, number: int) -> None:
        """Read one of the last pages, where a walk has been before: the first time through is not measured."""
        first = len(self.ids) - (LAST_PAGES + 1) * PAGE + 1
        if not self._has_walked:
            with self._walking:
                if not self._has_walked:
                    for page in range(LAST_PAGES):
                        self._page(first + page * PAGE)
                    self._has_walked = True
        self._page(first + PAGE + number % (LAST_PAGES - 1) * PAGE)

    def jump(self, number: int) -> None:
        """Read a page far back in the list where no walk has been."""
        last = len(self.ids) - PAGE
        self._page(last - number % (last // 10))

    def cursor(self, _: int) -> None:
        """Read a page by cursor, the next one each time, in a walk of its own for each client."""
        place = self._cursors.__dict__.get("next", "")
        found = self.peer.asked("GET", f"/Users?count={PAGE}&cursor={place}")
        _check(len(found["Resources"]) == PAGE and found["totalResults"] >= len(self.ids), found)
        self._cursors.__dict__["next"] = found.get("nextCursor", "")

    def active(self, _: int) -> None:
        """Read the first page of those who are active."""
        self._page(1, "&filter=active%20eq%20true")

    def _page(self, start: int, more: str = "") -> None:
        found = self.peer.asked("GET", f"/Users?startIndex={start}&count={PAGE}{more}")
        shown = found["Resources"]
        _check(len(shown) == PAGE and found["totalResults"] >= len(self.ids), found)
        _check(all(each["userName"].endswith("@bench.example") for each in shown), found)

    def group(self, _: int) -> None:
        """Read a group of a thousand."""
        found = self.peer.asked("GET", f"/Groups/{self.thousand}")
        _check(len(found["members"]) == THOUSAND, found)

    def groups_of(self, number: int) -> None:
        """Find the groups of a person."""
        written = quote(f'members eq "{self.ids[number % THOUSAND]}"')
        found = self.peer.asked("GET", f"/Groups?excludedAttributes=members&filter={written}")
        _check(self.thousand in {str(each["id"]) for each in found["Resources"]}, found)

    def bare(self, _: int) -> None:
        """Read a group of a hundred thousand without its members."""
        found = self.peer.asked("GET", f"/Groups/{self.many}?excludedAttributes=members")
        _check(found["displayName"] == "Many" and "members" not in found, found)

    def delete(self, number: int) -> None:
        """Delete a person for good, another one each time."""
        self.peer.asked("DELETE", f"/Users/{self.id_of(len(self.ids) * 3 // 4 + number)}", None, (204,))

    def create(self, _: int) -> None:
        """Create a person."""
        sent = self.person(next(_fresh))
        found = self.peer.asked("POST", "/Users", sent, (201,))
        _check(found["userName"] == sent["userName"] and found["id"], found)

    def bulk(self, _: int) -> None:
        """Create a hundred people by one request."""
        numbers = [next(_fresh) for _ in range(PAGE)]
        self._bulk([("POST", "/Users", self.person(number), f"b{number}") for number in numbers], "201")

    def bulk_patch(self, number: int) -> None:
        """Change a hundred people by one request."""
        body = {
            "schemas": [PATCH],
            "Operations": [{"op": "replace", "path": "title", "value": str(next(_fresh))}],
        }
        ids = [self.id_of(number * PAGE + each) for each in range(PAGE)]
        self._bulk([("PATCH", f"/Users/{id_}", body, "") for id_ in ids], "200")

    def _bulk(self, operations: Sequence[tuple[str, str, object, str]], status: str) -> None:
        sent = [
            {"method": method, "path": path, "data": data} | ({"bulkId": bulk_id} if bulk_id else {})
            for method, path, data, bulk_id in operations
        ]
        found = self.peer.asked("POST", "/Bulk", {"schemas": [BULK], "Operations": sent}, (200,))
        _check([each["status"] for each in found["Operations"]] == [status] * len(sent), found)

    def put(self, number: int) -> None:
        """Replace a person by one with another family name."""
        sent = self.person(number % len(self.ids))
        sent["name"]["familyName"] = str(next(_fresh))
        found = self.peer.asked("PUT", f"/Users/{self.id_of(number)}", sent)
        _check(found["name"]["familyName"] == sent["name"]["familyName"], found)

    def patch_okta(self, number: int) -> None:
        """Switch a person off, on the next round on, as Okta writes it."""
        half = len(self.ids) // 2
        self._patched(number % half, {"op": "replace", "value": {"active": self._state(number)}})

    def patch_entra(self, number: int) -> None:
        """Do the same as Entra ID writes it with its compliance flag, to other people: nobody is switched off twice."""
        half = len(self.ids) // 2
        operation = {"op": "replace", "path": "active", "value": self._state(number)}
        self._patched(half + number % half, operation)

    def _state(self, number: int) -> bool:
        return bool(number // (len(self.ids) // 2) % 2)

    def _patched(self, place: int, operation: dict[str, Any]) -> None:
        value = operation["value"]
        body = {"schemas": [PATCH], "Operations": [operation]}
        found = self.peer.asked("PATCH", f"/Users/{self.ids[place]}", body, (200, 204))
        _check(found is None or found["active"] is (value if "path" in operation else value["active"]), found)

    def add_100(self, number: int) -> None:
        """Add a hundred people to a group that has none of them."""
        block = number // len(self.empty) * PAGE % (len(self.ids) - PAGE)
        group = self.empty[number % len(self.empty)]
        found = self._added(group, self.ids[block : block + PAGE])
        if found is not None:
            members = {str(each["value"]) for each in found["members"]}
            _check(members.issuperset(self.ids[block : block + PAGE]), found)

    def one_more(self, group: str) -> Act:
        """Return the act that adds one person to a group, and takes them out again the next time."""
        everybody = self.ids

        def act(number: int) -> None:
            # The people at the end of the list are in neither of the groups.
            member = everybody[-1 - number // 2 % 50_000]
            if number % 2 == 0:
                self._added(group, [member])
            else:
                path = f'members[value eq "{member}"]'
                body = {"schemas": [PATCH], "Operations": [{"op": "remove", "path": path}]}
                self.peer.asked("PATCH", f"/Groups/{group}", body, (200, 204))

        return act

    def _added(self, group: str, members: Sequence[str]) -> Any:
        operation = {"op": "add", "path": "members", "value": [{"value": each} for each in members]}
        body = {"schemas": [PATCH], "Operations": [operation]}
        return self.peer.asked("PATCH", f"/Groups/{group}", body, (200, 204))


def _check(holds: object, answer: object) -> None:
    if not holds:
        raise SystemExit(f"a wrong answer: {str(answer)[:1000]}")
