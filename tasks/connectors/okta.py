"""The Okta connector: users, groups and members by Okta's management API.

https://developer.okta.com/docs/api/openapi/okta-management/management/tag/User/. A plain list leaves deprovisioned
people out, so they are asked for apart. Between whole listings only
what `lastUpdated` says changed is read, with an overlap, since a change may become visible late.
"""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, ClassVar, Final

from identity.directory_kinds import Field, Missing, Verdict
from identity.outbound import Answer, Caller
from tasks.connectors.faults import Fault, Misconfigured, RateLimited, Unauthorized
from tasks.connectors.http import Api, Onward, behind, caller, clock_of, next_link, objects, retry_after
from tasks.connectors.interface import Connector, End, Group, Json, Membership, Page, Person, Unreadable
from tasks.connectors.mapping import TARGETS
from tasks.connectors.oauth import JWT_BEARER, Tokens, assertion
from tasks.connectors.paths import checked, profile_at

PER_PAGE: Final = "200"
SCOPES: Final = "okta.users.read okta.groups.read"
MAPPING: Final = {
    "displayName": "profile.displayName", "givenName": "profile.firstName", "familyName": "profile.lastName", "email": "profile.email",
    "title": "profile.title", "department": "profile.department", "employeeNumber": "profile.employeeNumber",
    "mobile": "profile.mobilePhone", "phone": "profile.primaryPhone", "locale": "profile.locale",
}  # fmt: skip
# STAGED people were never let in, SUSPENDED and DEPROVISIONED ones no longer are.
_IN: Final = frozenset({"ACTIVE", "PASSWORD_EXPIRED", "LOCKED_OUT", "RECOVERY", "PROVISIONED"})
_OUT: Final = frozenset({"STAGED", "SUSPENDED", "DEPROVISIONED"})
_OVERLAP: Final = timedelta(minutes=10)
_WHERE: Final = "Okta Admin Console > Applications > the service app > Okta API Scopes and Admin roles"


class OktaConnector(Connector):
    """Reads an Okta organization."""

    kind: ClassVar[str] = "okta"
    title: ClassVar[str] = "Okta"
    setting_fields: ClassVar[tuple[Field, ...]] = (
        Field("api_url", "Okta address", "url", required=True, in_scope=True, help="As https://acme.okta.com, or your own domain."),
        Field("client_id", "Client ID", help="Of the service app, where a private key is used in place of an API token."),
        Field("token_url", "Token address", "url", help="Empty: /oauth2/v1/token of the Okta address."),
        Field("groups", "Groups", "flag", default=True, in_scope=True, help="Whether groups and their members are read."),
        Field(
            "mapping", "Mapping", "mapping", default=MAPPING, choices=TARGETS, in_scope=True,
            help="Which field of a user fills what, by dotted path.",
        ),
        Field("whole_hours", "Whole listing every", "number", default=24, most=720, help="Hours; in between only changes. 0: each run."),
        Field("rate_percent", "Share of the rate limit", "number", default=50, least=1, most=100, help="Where to pause."),
        Field("sentinel", "Canary", help="The id or login of somebody who must be in every whole listing."),
    )  # fmt: skip
    credential_fields: ClassVar[tuple[Field, ...]] = (
        Field("api_token", "API token", help="Of a read-only administrator. Or a private key."),
        Field("private_key", "Private key", help="PEM, RSA: the service app's."),
        Field("key_id", "Key id", help="The kid under which Okta knows the key."),
    )

    def __init__(self, settings: Json, credentials: Json, *, file: BinaryIO | None = None) -> None:
        super().__init__(settings, credentials, file=file)
        # The headers of the last answer, and how many there were.
        self._said: Mapping[str, str] = {}
        self._answers = 0

    def test(self) -> Verdict:
        """Read the first users and groups. May raise Fault."""
        with caller() as calls:
            api = self._api(calls)
            users, _ = self._get(api, "/api/v1/users", {"limit": "5"})
            groups = (
                len(self._get(api, "/api/v1/groups", {"limit": "5"})[0]) if self.settings["groups"] else None
            )
        names = [str(user.get("profile", {}).get("login")) for user in users]
        return Verdict(
            ok=bool(names), people=len(names), groups=groups, sample=names, code="" if names else "nobody",
            sentence="Users can be read." if names else "Okta shows us nobody: which users may the administrator of the token see?",
        )  # fmt: skip

    def fetch(self, *, checkpoint: Json | None = None, cookie: Json | None = None) -> Iterator[Page]:
        """Give everybody, or what changed since the cookie, then groups with all of their members. May raise Fault."""
        state: dict[str, Any] = dict(checkpoint or self._begin(cookie))
        with caller() as calls:
            api = self._api(calls)
            for stage, following in (("users", "left"), ("left", "groups")):
                if state["stage"] == stage:
                    yield from self._people(api, state, self._user_query(state), following)
            if self.settings["groups"]:
                yield from self._groups(api, state)
        cookie = {
            "since": state["began"],
            "whole_at": state["began"] if state["whole"] else state["whole_at"],
        }
        yield Page(end=End(whole=bool(state["whole"]), cookie=cookie))

    def _begin(self, cookie: Json | None) -> dict[str, Any]:
        now = datetime.now(UTC)
        state: dict[str, Any] = {"stage": "users", "link": "", "began": "", "whole": True}
        every = timedelta(hours=self.settings["whole_hours"])
        if cookie is not None and now - datetime.fromisoformat(cookie["whole_at"]) < every:
            since = datetime.fromisoformat(cookie["since"]) - _OVERLAP
            state |= {"whole": False, "since": _text(since), "whole_at": cookie["whole_at"]}
        return state

    def _user_query(self, state: Json) -> dict[str, str] | None:
        """Return the question of this stage; None where there is nothing to ask."""
        if not state["whole"]:
            # A filter by time finds people of every status, so there is no second question.
            return {"filter": f'lastUpdated gt "{state["since"]}"'} if state["stage"] == "users" else None
        return {} if state["stage"] == "users" else {"filter": 'status eq "DEPROVISIONED"'}

    def _people(
        self, api: Api, state: dict[str, Any], query: dict[str, str] | None, following: str
    ) -> Iterator[Page]:
        link, onward = state["link"], Onward()
        while query is not None:
            users, link = self._get(
                api, onward(link) or "/api/v1/users", None if link else query | {"limit": PER_PAGE}
            )
            # By Okta's clock, as lastUpdated is: ours may be ahead by more than the overlap.
            state["began"] = state["began"] or _text(datetime.fromtimestamp(clock_of(self._said), UTC))
            state |= {"link": link} if link else {"stage": following, "link": ""}
            yield Page.of(map(self._person, users), checkpoint=dict(state))
            if not link:
                return
        state |= {"stage": following, "link": ""}

    def _groups(self, api: Api, state: dict[str, Any]) -> Iterator[Page]:
        query = {"limit": PER_PAGE}
        if not state["whole"]:
            since = state["since"]
            query["filter"] = f'lastUpdated gt "{since}" or lastMembershipUpdated gt "{since}"'
        onward = Onward()
        while True:
            link = state["link"]
            groups, following = self._get(api, onward(link) or "/api/v1/groups", None if link else query)
            for group in behind(groups, state.get("past", "")):
                if group.get("type") != "BUILT_IN":  # "Everyone" says nothing
                    yield from self._members(api, group, state)
            if not following:
                return
            state |= {"link": following, "past": ""}

    def _members(self, api: Api, group: Json, state: dict[str, Any]) -> Iterator[Page]:
        """Give a group with everybody in it.

        An interrupted run goes on in the middle of it: a page of groups may take longer than a turn, or more calls than we have.
        """
        key, profile = group.get("id"), group.get("profile")
        name = profile.get("name") if isinstance(profile, dict) else None
        if not isinstance(key, str) or not isinstance(name, str):
            yield Page(
                unreadable=[Unreadable(f"group {key}", "It has no id or no name.")], checkpoint=dict(state)
            )
            return
        link, onward = state.pop("members", "") if state.pop("group", "") == key else "", Onward()
        while True:
            try:
                members, following = self._get(
                    api, onward(link) or f"/api/v1/groups/{key}/users", None if link else {"limit": PER_PAGE}
                )
            except _Gone:
                # It was deleted since it was listed.
                state["past"] = key
                yield Page(groups=[Group(key, name, "unknown")], checkpoint=dict(state))
                return
            here = {"group": key, "members": following} if following else {"past": key}
            yield Page(
                groups=[Group(key, name)],
                memberships=[Membership(key, str(member["id"])) for member in members if member.get("id")],
                checkpoint=state | here,
            )
            if not following:
                state["past"] = key
                return
            link = following

    def _person(self, user: dict[str, Any]) -> Person | Unreadable:
        key, profile, status = user.get("id"), user.get("profile"), user.get("status")
        name = profile.get("login") if isinstance(profile, dict) else None
        if not isinstance(key, str) or not isinstance(name, str) or not key or not name:
            return Unreadable(f"user {key or name}", "It has no id or no login.")
        active = True if status in _IN else False if status in _OUT else None
        version = user.get("lastUpdated")
        return Person(
            key,
            name,
            profile_at(user, checked(self.settings["mapping"])),
            active,
            version if isinstance(version, str) else "",
        )

    def _get(self, api: Api, path: str, query: dict[str, str] | None) -> tuple[list[dict[str, Any]], str]:
        if self._answers >= _ANSWERS_LEAST:
            self._spare()
        body, self._said = api.get(path, query)
        self._answers += 1
        return objects(body, "objects"), next_link(self._said)

    def _spare(self) -> None:
        """Pause where more than our share of the minute's calls is used (X-Rate-Limit-*), before a call: what was answered is kept."""
        said = self._said
        try:
            limit, left = (float(said[f"x-rate-limit-{name}"]) for name in ("limit", "remaining"))
        except (KeyError, ValueError):
            return
        wait = _wait(said)
        if wait > 0 and left < limit * (100 - self.settings["rate_percent"]) / 100:
            if wait > _PAUSE_SECONDS_MAX:
                raise RateLimited("Our share of Okta's rate limit is used.", wait)
            time.sleep(wait)

    def _api(self, calls: Caller) -> Api:
        given, api_url = self.credentials, self.settings["api_url"].rstrip("/")
        if given["api_token"]:
            return Api(calls, api_url, lambda _renew: f"SSWS {given['api_token']}", _explain)
        client_id = self.settings["client_id"]
        if not client_id or not given["private_key"]:
            raise Misconfigured("Give an API token, or a client id with its private key.")
        url = self.settings["token_url"] or f"{api_url}/oauth2/v1/token"

        def form() -> dict[str, str]:
            header = {"kid": given["key_id"]} if given["key_id"] else {}
            signed = assertion(given["private_key"], {"iss": client_id, "sub": client_id, "aud": url}, header)
            return {
                "grant_type": "client_credentials",
                "scope": SCOPES,
                "client_assertion_type": JWT_BEARER,
                "client_assertion": signed,
            }

        return Api(calls, api_url, Tokens(calls, url, form, _refused).authorization, _explain)


_PAUSE_SECONDS_MAX: Final = 5.0
# A page of groups and the members of one of them: with fewer a turn would come no further, where others always use the limit up.
_ANSWERS_LEAST: Final = 2


def _wait(headers: Mapping[str, str]) -> float:
    """Return the seconds until the rate limit begins anew (X-Rate-Limit-Reset, a time by Okta's clock); 0 where it is not said."""
    try:
        return float(headers["x-rate-limit-reset"]) - clock_of(headers)
    except (KeyError, ValueError):
        return 0.0


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _missing() -> list[Missing]:
    return [Missing(scope, _WHERE) for scope in SCOPES.split()]


class _Gone(Misconfigured):
    """What was asked for is not there."""


def _explain(answer: Answer) -> Exception | None:
    if answer.status == 404:  # noqa: PLR2004 - a group deleted between two calls, or no Okta at all
        return _Gone("Okta does not know what we ask for: check the address.")
    if answer.status == 429:  # noqa: PLR2004 - Okta sends no Retry-After, but when the minute is over
        return RateLimited(
            "Okta asks us to come back later.", _wait(answer.headers) or retry_after(answer.headers)
        )
    if answer.status not in {401, 403}:
        return None
    return Unauthorized(
        f"Okta refuses ({answer.status}). A token needs a read-only administrator; a service app the scopes {SCOPES}: {_WHERE}.",
        _missing(),
    )


def _refused(error: str, description: str) -> Fault:
    return Unauthorized(
        f"Okta gives the service app no token ({error}: {description[:150]}): {_WHERE}.", _missing()
    )
