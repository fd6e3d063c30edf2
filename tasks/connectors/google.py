"""The Google Workspace connector: a service account with domain-wide delegation reads users, groups and members.

https://developers.google.com/workspace/admin/directory/reference/rest. There is no delta: every run lists everybody, and fingerprints find
what changed. Google takes no SCIM push from us and gives none to an application outside of its catalogue.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, ClassVar, Final

import orjson

from identity.directory_kinds import Field, Missing, Verdict
from identity.outbound import Answer, Caller
from tasks.connectors.faults import (
    Fault,
    Misconfigured,
    RateLimited,
    ResyncNeeded,
    Unauthorized,
)
from tasks.connectors.http import Api, Onward, behind, caller, objects, retry_after
from tasks.connectors.interface import Connector, End, Group, Json, Membership, Page, Person, Unreadable
from tasks.connectors.mapping import TARGETS
from tasks.connectors.oauth import JWT_GRANT, Tokens, assertion
from tasks.connectors.paths import checked, profile_at

USERS_PER_PAGE: Final = "500"
GROUPS_PER_PAGE: Final = "200"
SCOPES: Final = tuple(
    f"https://www.googleapis.com/auth/admin.directory.{part}.readonly"
    for part in ("user", "group", "group.member")
)
MAPPING: Final = {
    "displayName": "name.fullName", "givenName": "name.givenName", "familyName": "name.familyName", "email": "primaryEmail",
    "title": "organizations.title", "department": "organizations.department", "phone": "phones.value",
    "employeeNumber": "externalIds.value",
}  # fmt: skip
_WHERE: Final = (
    "Google Admin console > Security > Access and data control > API controls > Domain-wide delegation"
)
_RATE_REASONS: Final = frozenset(
    {"userRateLimitExceeded", "rateLimitExceeded", "quotaExceeded", "dailyLimitExceeded"}
)
# 404 is a group or person deleted between two calls; 412 a person deleted within the last twenty days.
_GONE: Final = frozenset({404, 412})


class _Gone(Misconfigured):
    """What was asked for is not there."""


class GoogleConnector(Connector):
    """Reads Google Workspace."""

    kind: ClassVar[str] = "google"
    title: ClassVar[str] = "Google Workspace"
    setting_fields: ClassVar[tuple[Field, ...]] = (
        Field("admin_email", "Administrator", required=True, help="Whose rights the service account reads with: a primary address."),
        Field("customer", "Customer", default="my_customer", in_scope=True),
        Field("org_unit", "Organizational unit", in_scope=True, help="Only people in this unit and below, as /Staff."),
        Field("groups", "Groups", "flag", default=True, in_scope=True, help="Whether groups and their members are read."),
        Field(
            "mapping", "Mapping", "mapping", default=MAPPING, choices=TARGETS, in_scope=True,
            help="Which of Google's fields fills what, by dotted path.",
        ),
        Field("sentinel", "Canary", help="Somebody who must be in every listing; empty: the administrator, if no unit is chosen."),
        Field("api_url", "API address", "url", default="https://admin.googleapis.com"),
        Field("token_url", "Token address", "url", default="https://oauth2.googleapis.com/token"),
    )  # fmt: skip
    credential_fields: ClassVar[tuple[Field, ...]] = (
        Field(
            "service_account", "Service account key", required=True, help="The JSON file of the key, whole."
        ),
    )

    @property
    def sentinel(self) -> str:
        """Return the canary, or the administrator where the whole account is read."""
        return super().sentinel or ("" if self.settings["org_unit"] else self.settings["admin_email"])

    def test(self) -> Verdict:
        """Read the administrator, the first people and the first groups. May raise Fault."""
        with caller() as calls:
            api = self._api(calls)
            admin = api.get_object(f"/admin/directory/v1/users/{self.settings['admin_email']}", {})
            if str(admin.get("primaryEmail", "")).casefold() != self.settings["admin_email"].casefold():
                raise Misconfigured(
                    f"The administrator's primary address is {admin.get('primaryEmail')}: set that."
                )
            users = api.get_object("/admin/directory/v1/users", self._user_query() | {"maxResults": "5"})
            groups = None
            if self.settings["groups"]:
                listed = api.get_object(
                    "/admin/directory/v1/groups",
                    {"customer": self.settings["customer"], "maxResults": "5"},
                )
                groups = len(_items(listed, "groups"))
                if groups:
                    api.get_object(
                        f"/admin/directory/v1/groups/{listed['groups'][0]['id']}/members",
                        {"maxResults": "1"},
                    )
        people = _items(users, "users")
        return Verdict(
            ok=bool(people), people=len(people), groups=groups, sample=[str(person.get("primaryEmail")) for person in people],
            sentence="People can be read." if people else "Nobody is in scope: check the organizational unit.",
            code="" if people else "nobody",
        )  # fmt: skip

    def fetch(self, *, checkpoint: Json | None = None, cookie: Json | None = None) -> Iterator[Page]:  # noqa: ARG002 - Google has no delta
        """Give the people, those deleted lately, then groups with their members. May raise Fault."""
        state: dict[str, Any] = dict(checkpoint or {"stage": "users", "token": ""})
        with ExitStack() as stack:
            api = self._api(stack.enter_context(caller()))
            for name, pages in (("users", self._users), ("deleted", self._deleted), ("groups", self._groups)):
                if state["stage"] == name:
                    yield from pages(api, state)
                    state = {"stage": _AFTER[name], "token": ""}
        yield Page(end=End(whole=True))

    def _users(self, api: Api, state: Json) -> Iterator[Page]:
        for listed, here in self._pages(api, "/admin/directory/v1/users", self._user_query(), state["token"]):
            yield Page.of(
                map(self._person, _items(listed, "users")),
                checkpoint={"stage": "users", "token": here} if here else {"stage": "deleted", "token": ""},
            )

    def _deleted(self, api: Api, state: Json) -> Iterator[Page]:
        query = {"customer": self.settings["customer"], "maxResults": USERS_PER_PAGE, "showDeleted": "true"}
        for listed, here in self._pages(api, "/admin/directory/v1/users", query, state["token"]):
            gone = [str(user["id"]) for user in _items(listed, "users") if isinstance(user.get("id"), str)]
            yield Page(
                removed=gone,
                checkpoint={"stage": "deleted", "token": here} if here else {"stage": "groups", "token": ""},
            )

    def _groups(self, api: Api, state: dict[str, Any]) -> Iterator[Page]:
        if not self.settings["groups"]:
            return
        query = {"customer": self.settings["customer"], "maxResults": GROUPS_PER_PAGE}
        for listed, here in self._pages(api, "/admin/directory/v1/groups", query, state["token"]):
            for group in behind(_items(listed, "groups"), state.get("past", "")):
                yield from self._members(api, group, state)
            state |= {"token": here, "past": ""}

    def _members(self, api: Api, group: Json, state: dict[str, Any]) -> Iterator[Page]:
        """Give one group with everybody in it, also through groups inside of it.

        An interrupted run goes on in the middle of it: a page of groups may take longer than a turn.
        """
        key, name = group.get("id"), group.get("name") or group.get("email")
        if not isinstance(key, str) or not isinstance(name, str):
            yield Page(
                unreadable=[Unreadable(f"group {key}", "It has no id or no name.")], checkpoint=dict(state)
            )
            return
        query = {"maxResults": GROUPS_PER_PAGE, "includeDerivedMembership": "true"}
        path = f"/admin/directory/v1/groups/{key}/members"
        token = state.pop("members", "") if state.pop("group", "") == key else ""
        try:
            for listed, here in self._pages(api, path, query, token):
                yield Page(
                    groups=[Group(key, name)],
                    memberships=[
                        Membership(key, str(member["id"]))
                        for member in _items(listed, "members")
                        if member.get("type") == "USER" and member.get("id")
                    ],
                    checkpoint=state | ({"group": key, "members": here} if here else {"past": key}),
                )
        except _Gone:
            yield Page(groups=[Group(key, name, members="unknown")], checkpoint=state | {"past": key})
        state["past"] = key

    def _pages(
        self, api: Api, path: str, query: dict[str, str], token: str
    ) -> Iterator[tuple[dict[str, Any], str]]:
        """Give each page with the token of the one behind it, empty behind the last."""
        onward = Onward()
        while True:
            try:
                listed = api.get_object(path, query | ({"pageToken": onward(token)} if token else {}))
            except ResyncNeeded as fault:
                if token:
                    raise
                raise Misconfigured(fault.message) from fault
            token = str(listed.get("nextPageToken") or "")
            yield listed, token
            if not token:
                return

    def _person(self, user: dict[str, Any]) -> Person | Unreadable:
        key, name = user.get("id"), user.get("primaryEmail")
        if not isinstance(key, str) or not isinstance(name, str) or not key or not name:
            return Unreadable(f"user {key or name}", "It has no id or no primary address.")
        flags = [user.get("suspended"), user.get("archived", False)]
        # A flag that is not there says nothing: nobody goes in or out by it.
        active = None if not all(isinstance(flag, bool) for flag in flags) else not any(flags)
        return Person(key, name, profile_at(user, self._mapping), active)

    def _user_query(self) -> dict[str, str]:
        query = {"customer": self.settings["customer"], "maxResults": USERS_PER_PAGE, "projection": "full"}
        unit = self.settings["org_unit"]
        return query | ({"query": "orgUnitPath='{}'".format(unit.replace("'", "\\'"))} if unit else {})

    @property
    def _mapping(self) -> Any:
        return checked(self.settings["mapping"])

    def _api(self, calls: Caller) -> Api:
        try:
            account = orjson.loads(self.credentials["service_account"] or "")
            email, key = account["client_email"], account["private_key"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise Misconfigured(
                "The service account key must be the JSON file that Google gave, whole."
            ) from error
        token_url = self.settings["token_url"]

        def form() -> dict[str, str]:
            claims = {
                "iss": email,
                "sub": self.settings["admin_email"],
                "scope": " ".join(SCOPES),
                "aud": token_url,
            }
            header = {"kid": str(account.get("private_key_id", ""))}
            return {"grant_type": JWT_GRANT, "assertion": assertion(key, claims, header)}

        def refused(error: str, description: str) -> Fault:
            missing = [Missing(scope, _WHERE) for scope in SCOPES]
            return Unauthorized(
                f"Google gives the service account no token ({error}: {description}). Delegate the three scopes to its client id, "
                f"and name an administrator who exists: {_WHERE}.",
                missing,
            )

        tokens = Tokens(calls, token_url, form, refused)
        return Api(calls, self.settings["api_url"], tokens.authorization, _explain)


_AFTER: Final = {"users": "deleted", "deleted": "groups", "groups": "end"}


def _items(listed: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return objects(listed.get(name, []), name)  # Google leaves an empty list out


def _explain(answer: Answer) -> Exception | None:
    if answer.status in _GONE:
        return _Gone("Google does not know what the settings name: check the administrator and the customer.")
    if answer.status not in {400, 403}:
        return None
    try:
        error = orjson.loads(answer.body)["error"]
        reasons = {str(item.get("reason")) for item in error.get("errors", [])}
        message = str(error.get("message", ""))[:200]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        reasons, message = set(), ""
    if reasons & _RATE_REASONS:
        return RateLimited("Google's quota is used up for the moment.", retry_after(answer.headers))
    if answer.status == 400:  # noqa: PLR2004 - an old page token, or a query that Google doesn't take
        return ResyncNeeded(f"Google refuses the page we ask for: {message}.")
    return Unauthorized(
        f"Google refuses ({message}). Delegate the scope, and give the administrator the right to read users and groups: {_WHERE}.",
        [Missing(scope, _WHERE) for scope in SCOPES],
    )
