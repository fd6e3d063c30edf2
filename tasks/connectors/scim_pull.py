"""The SCIM connector: another SCIM server is read, page by page, with cursors where it has them (RFC 9865), else by startIndex.

RFC 7644 section 3.4.2.4. A listing that changes while it is walked by startIndex may lose somebody: when the totals of two pages differ, or
fewer were seen than the total says, the listing counts as incomplete.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Final
from urllib.parse import quote

from identity.directory_kinds import Field, Missing, Verdict
from identity.outbound import Answer, Caller
from tasks.connectors.faults import Misconfigured, NotUnderstood, ResyncNeeded, Unauthorized
from tasks.connectors.http import Api, Onward, behind, caller, objects
from tasks.connectors.interface import Connector, End, Group, Json, Membership, Page, Person, Unreadable
from tasks.connectors.mapping import ENTERPRISE

PAGES_MAX: Final = 100_000
_PROFILE: Final = (
    "name", "displayName", "nickName", "profileUrl", "title", "userType", "preferredLanguage", "locale", "timezone", "emails",
    "phoneNumbers", "ims", "photos", "addresses", ENTERPRISE,
)  # fmt: skip
_STAGES: Final = {"Users": "Groups", "Groups": "end"}


class ScimConnector(Connector):
    """Reads another SCIM server."""

    kind: ClassVar[str] = "scim_pull"
    title: ClassVar[str] = "SCIM server"
    setting_fields: ClassVar[tuple[Field, ...]] = (
        Field("api_url", "Base address", "url", required=True, in_scope=True, help="As https://host/scim/v2, without /Users."),
        Field("filter", "Filter", in_scope=True, help="Of users, in SCIM's language: only whom it finds."),
        Field("groups", "Groups", "flag", default=True, in_scope=True, help="Whether groups and their members are read."),
        Field("page_size", "Page size", "number", default=100, least=1, most=1000),
        Field("cursors", "Cursors", "choice", default="auto", choices=("auto", "never"), help="Used where they are offered."),
        Field("sentinel", "Canary", help="The id or userName of somebody who must be in every listing."),
    )  # fmt: skip
    credential_fields: ClassVar[tuple[Field, ...]] = (Field("token", "Bearer token", help="Empty for none."),)

    def test(self) -> Verdict:
        """Read the first users and groups. May raise Fault."""
        with caller() as calls:
            api = self._api(calls)
            users = api.get_object("/Users", self._query("Users") | {"startIndex": "1", "count": "5"})
            groups = None
            if self.settings["groups"]:
                groups = _total(api.get_object("/Groups", {"startIndex": "1", "count": "1"}))
        names = [str(user.get("userName")) for user in _resources(users)]
        return Verdict(
            ok=bool(names), people=_total(users), groups=groups, sample=names, code="" if names else "nobody",
            sentence="Users can be read." if names else "The server lists nobody: check the filter and the rights of the token.",
        )  # fmt: skip

    def fetch(self, *, checkpoint: Json | None = None, cookie: Json | None = None) -> Iterator[Page]:  # noqa: ARG002 - every run lists everybody
        """Give every user, then every group with its members. May raise Fault."""
        with caller() as calls:
            api = self._api(calls)
            state: dict[str, Any] = dict(checkpoint or {"stage": "Users", "lacks": ""} | self._start(api))
            for stage in ("Users", "Groups"):
                if state["stage"] == stage and (stage == "Users" or self.settings["groups"]):
                    yield from self._walk(api, stage, state)
        yield Page(end=End(whole=True, incomplete=state["lacks"], people=state.get("people")))

    def _start(self, api: Api) -> dict[str, Any]:
        """Return the state at the beginning of a listing; by cursor where the server says that it can (RFC 9865 section 4)."""
        if self.settings["cursors"] == "auto":
            offered = api.get_object("/ServiceProviderConfig", {}).get("pagination")
            if isinstance(offered, dict) and offered.get("cursor") is True:
                return {"by_cursor": True, "cursor": "", "seen": 0}
        return {"by_cursor": False, "index": 1, "seen": 0}

    def _walk(self, api: Api, stage: str, state: dict[str, Any]) -> Iterator[Page]:
        onward = Onward()
        for _ in range(PAGES_MAX):
            past, before = state.pop("past", ""), dict(state)
            if state["by_cursor"]:
                onward(state["cursor"])
            listed = self._page(api, stage, state)
            found = _resources(listed)
            self._check_moved(stage, found, state)
            last = _advance(stage, listed, len(found), state)
            if stage == "Users":
                yield Page.of(map(_person, found), checkpoint=dict(state))
            else:
                yield from self._teams(api, behind(found, past), before, dict(state))
            if last:
                return
        raise NotUnderstood(f"The server's listing of {stage} does not end.")

    def _page(self, api: Api, stage: str, state: dict[str, Any]) -> dict[str, Any]:
        query = self._query(stage)
        if not state["by_cursor"]:
            return api.get_object(f"/{stage}", query | {"startIndex": str(state["index"])})
        try:
            # An empty cursor asks for the first page (RFC 9865 section 2.1).
            return api.get_object(f"/{stage}", query | {"cursor": state["cursor"]})
        except Misconfigured as fault:
            if state["cursor"]:
                raise ResyncNeeded("The server no longer knows the cursor.") from fault
            raise

    @staticmethod
    def _check_moved(stage: str, found: list[dict[str, Any]], state: dict[str, Any]) -> None:
        """Refuse a server that does not look at startIndex (SCIMMY under Express 5): the same page again and again counts as everybody."""
        first = found[0].get("id") if found else None
        if not state["by_cursor"] and first is not None and first == state.get("first"):
            raise NotUnderstood(
                f"The server gives the same {stage} at startIndex {state['index']} as before: it cannot be read by pages."
            )
        state["first"] = first

    def _teams(
        self, api: Api, groups: Sequence[Json], before: dict[str, Any], checkpoint: Json
    ) -> Iterator[Page]:
        """Give a page of groups; where each is asked for by itself, an interrupted run goes on behind the last one."""
        found: list[Group] = []
        memberships: list[Membership] = []
        bad: list[Unreadable] = []
        past = ""
        for group in groups:
            key, name = _key(group), group.get("displayName")
            members: Any = group.get("members")
            if key and members is None:
                if past:
                    yield Page(
                        groups=found,
                        memberships=memberships,
                        unreadable=bad,
                        checkpoint=before | {"past": past},
                    )
                    found, memberships, bad = [], [], []
                members = self._members(api, key)
                past = group["id"]
            if key and isinstance(name, str) and members is None:
                found.append(Group(key, name, "unknown"))
                continue
            if not key or not isinstance(name, str) or not isinstance(members, list):
                bad.append(
                    Unreadable(f"group {key or name}", "It has no id, no displayName, or odd members.")
                )
                continue
            found.append(Group(key, name))
            memberships += [
                Membership(key, str(member["value"]))
                for member in members
                if isinstance(member, dict) and member.get("value") and member.get("type", "User") == "User"
            ]
        yield Page(groups=found, memberships=memberships, unreadable=bad, checkpoint=checkpoint)

    def _members(self, api: Api, key: str) -> Any:
        """Return the members of a group of which a list did not tell: it is empty, or they are left out there. None: nobody tells."""
        try:
            return api.get_object(f"/Groups/{quote(key, safe='')}", {}).get("members") or []
        except Misconfigured:
            return None

    def _query(self, stage: str) -> dict[str, str]:
        query = {"count": str(self.settings["page_size"])}
        return query | (
            {"filter": self.settings["filter"]} if stage == "Users" and self.settings["filter"] else {}
        )

    def _api(self, calls: Caller) -> Api:
        token = self.credentials["token"]
        accept = {"Accept": "application/scim+json, application/json"}
        return Api(
            calls,
            self.settings["api_url"],
            lambda _renew: f"Bearer {token}" if token else "",
            _explain,
            accept,
        )


def _advance(stage: str, listed: dict[str, Any], number: int, state: dict[str, Any]) -> bool:
    """Bring the state behind a page of `number` resources, and tell whether that was the stage's last one."""
    # Behind the first page a server that pages by cursor may leave the total out (RFC 9865 section 2.3).
    may_lack = state["by_cursor"] and "total" in state
    total = state["total"] if may_lack and "totalResults" not in listed else _total(listed)
    state["seen"] += number
    if state.setdefault("total", total) != total and not state["lacks"]:
        state["lacks"] = (
            f"The number of {stage} changed from {state['total']} to {total} while they were listed."
        )
    if state["by_cursor"]:
        cursor = listed.get("nextCursor") or ""
        if not isinstance(cursor, str | int) or cursor is True:
            raise NotUnderstood("The server's nextCursor is no text.")
        state["cursor"], last = str(cursor), not cursor
    else:
        # By what came, not by what we asked for: servers clamp the page.
        state["index"] += number
        last = not number or state["index"] > total
    if last:
        if state["seen"] < total and not state["lacks"]:
            state["lacks"] = f"Only {state['seen']} of {total} {stage} were listed."
        if stage == "Users":
            state["people"] = total
        state |= {"stage": _STAGES[stage], "seen": 0, "index": 1, "cursor": "", "first": None}
        del state["total"]
    return last


def _resources(listed: dict[str, Any]) -> list[dict[str, Any]]:
    # Absent where there are none (RFC 7644 section 3.4.2), or null, which says the same (RFC 7643 section 2.5): so Go writes an empty list.
    found = listed.get("Resources")
    return objects([] if found is None else found, "Resources")


def _person(user: Json) -> Person | Unreadable:
    key, name = _key(user), user.get("userName")
    if not isinstance(name, str) or not key or not name:
        return Unreadable(f"user {key or name}", "It has no id or no userName.")
    profile = {attribute: user[attribute] for attribute in _PROFILE if user.get(attribute)}
    # "active" is optional in RFC 7643: a server that never says it means that whom it lists is in.
    flag = True if "active" not in user else _truth(user["active"])
    return Person(key, name, profile, flag, _version(user))


def _key(resource: Json) -> str:
    """Return the id, empty where there is none. RFC 7643 section 3.1 has it as a text; some write a number."""
    key = resource.get("id")
    return str(key) if isinstance(key, str | int) and not isinstance(key, bool) else ""


def _truth(active: Any) -> bool | None:
    """Return what a server says of being active, None for neither; some write booleans as text, as Entra does in requests."""
    if isinstance(active, str):
        return {"true": True, "false": False}.get(active.casefold())
    return active if isinstance(active, bool) else None


def _total(listed: dict[str, Any]) -> int:
    total = listed.get("totalResults")
    if isinstance(total, bool) or not isinstance(total, int):
        raise NotUnderstood("The server's list has no totalResults.")
    return total


def _version(user: Json) -> str:
    """Return when the user last changed, in a form that sorts as text: in UTC, and with all digits, of which servers leave out zeros.

    The Z stands in the middle, so that it sorts behind what former releases kept of the same second.
    """
    meta = user.get("meta")
    modified = meta.get("lastModified") if isinstance(meta, dict) else None
    try:
        moment = datetime.fromisoformat(modified) if isinstance(modified, str) else None
        if moment is None or moment.tzinfo is None:
            return ""
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return ""
    return f"{moment.replace(microsecond=0, tzinfo=None).isoformat()}Z.{moment.microsecond:06}"


def _explain(answer: Answer) -> Exception | None:
    if answer.status in {401, 403}:
        return Unauthorized(
            f"The server refuses the token ({answer.status}).",
            [Missing("read Users and Groups", "where the server's bearer tokens are issued")],
        )
    if answer.status in {400, 404}:
        return Misconfigured(f"The server answered {answer.status}: check the base address and the filter.")
    return None
