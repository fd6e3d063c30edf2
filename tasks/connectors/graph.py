"""The Microsoft Graph connector: an app registration reads Entra ID's users and groups by delta queries.

https://learn.microsoft.com/en-us/graph/delta-query-users and …/delta-query-groups. An empty page may have a next one. If
a delta link is too old, Graph answers 400 syncStateNotFound or 410, and everything is read again.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, Final

import orjson

from identity.directory_kinds import Field, Missing, Verdict
from identity.outbound import Answer, Caller
from tasks.connectors.faults import Fault, Misconfigured, NotUnderstood, ResyncNeeded, Unauthorized
from tasks.connectors.graph_certificate import thumbprint
from tasks.connectors.http import Api, Onward, caller, objects
from tasks.connectors.interface import Connector, End, Group, Json, Membership, Page, Person, Unreadable
from tasks.connectors.mapping import TARGETS
from tasks.connectors.oauth import JWT_BEARER, Tokens, assertion
from tasks.connectors.paths import checked, profile_at

MAPPING: Final = {
    "displayName": "displayName", "givenName": "givenName", "familyName": "surname", "email": "mail", "title": "jobTitle",
    "department": "department", "employeeNumber": "employeeId", "phone": "businessPhones", "mobile": "mobilePhone",
    "preferredLanguage": "preferredLanguage",
}  # fmt: skip
RIGHTS: Final = ("User.Read.All", "GroupMember.Read.All")
_WHERE: Final = "Entra admin center > App registrations > the app > API permissions > Application permissions, then grant admin consent"
_NEEDED: Final = ("id", "accountEnabled", "userPrincipalName", "userType")
_GONE: Final = 410
_BAD: Final = 400


class GraphConnector(Connector):
    """Reads Entra ID."""

    kind: ClassVar[str] = "graph"
    title: ClassVar[str] = "Microsoft Entra ID"
    setting_fields: ClassVar[tuple[Field, ...]] = (
        Field("tenant_id", "Directory (tenant) ID", required=True, in_scope=True),
        Field("client_id", "Application (client) ID", required=True),
        Field("guests", "Guests", "flag", default=False, in_scope=True, help="Whether guests come in too."),
        Field("groups", "Groups", "flag", default=True, in_scope=True, help="Whether groups and their members are read."),
        Field(
            "mapping", "Mapping", "mapping", default=MAPPING, choices=TARGETS, in_scope=True,
            help="Which property of a Graph user fills what.",
        ),
        Field("sentinel", "Canary", help="The object id or user principal name of somebody who must be in every listing."),
        Field("api_url", "Graph address", "url", default="https://graph.microsoft.com", help="National clouds have their own."),
        Field("token_url", "Authority", "url", default="https://login.microsoftonline.com"),
    )  # fmt: skip
    credential_fields: ClassVar[tuple[Field, ...]] = (
        Field("client_secret", "Client secret", help="Or a certificate with its private key."),
        Field("certificate", "Certificate", help="PEM."),
        Field("private_key", "Private key", help="PEM, RSA."),
    )

    def test(self) -> Verdict:
        """Read the first users and groups. May raise Fault."""
        with caller() as calls:
            api = self._api(calls)
            users = api.get_object("/v1.0/users", {"$top": "5", "$select": self._selected()})
            groups = None
            if self.settings["groups"]:
                groups = len(_values(api.get_object("/v1.0/groups", {"$top": "5", "$select": "id"})))
        names = [str(user.get("userPrincipalName")) for user in _values(users)]
        return Verdict(
            ok=bool(names), people=len(names), groups=groups, sample=names, code="" if names else "nobody",
            sentence="Users can be read." if names else "The tenant shows us nobody: check the tenant id.",
        )  # fmt: skip

    def fetch(self, *, checkpoint: Json | None = None, cookie: Json | None = None) -> Iterator[Page]:
        """Give everybody, or by the cookie's delta links what changed: users first, then groups. May raise Fault."""
        state: dict[str, Any] = dict(checkpoint or {"whole": cookie is None, "stage": "users", "link": ""})
        with caller() as calls:
            api = self._api(calls)
            if state["stage"] == "users":
                start = state["link"] or (cookie or {}).get("users", "")
                for listed, link, last in self._pages(api, "/v1.0/users/delta", self._selected(), start):
                    state |= {"stage": "groups", "link": "", "users": link} if last else {"link": link}
                    yield self._people(listed, dict(state))
            if self.settings["groups"] and state["stage"] == "groups":
                start = state["link"] or (cookie or {}).get("groups", "")
                for listed, link, last in self._pages(
                    api, "/v1.0/groups/delta", "id,displayName,members", start
                ):
                    state |= {"stage": "end", "groups": link} if last else {"link": link}
                    yield self._teams(listed, dict(state))
        kept = {name: state[name] for name in ("users", "groups") if state.get(name)}
        yield Page(end=End(whole=bool(state["whole"]), cookie=kept))

    def _pages(
        self, api: Api, path: str, selected: str, link: str
    ) -> Iterator[tuple[list[dict[str, Any]], str, bool]]:
        """Give each page's values, the link behind it, and whether that is the delta link for the next run."""
        query: dict[str, str] | None = None if link else {"$select": selected}
        onward = Onward()
        while True:
            listed = api.get_object(onward(link) or path, query)
            query = None
            following = listed.get("@odata.nextLink")
            link = str(following or listed.get("@odata.deltaLink") or "")
            if not link:
                raise NotUnderstood(
                    "Graph's page has neither a next link nor a delta link: the listing was cut off."
                )
            yield _values(listed), link, not following
            if not following:
                return

    def _people(self, listed: list[dict[str, Any]], checkpoint: Json) -> Page:
        people: list[Person] = []
        removed: list[str] = []
        bad: list[Unreadable] = []
        for user in listed:
            key, name = user.get("id"), user.get("userPrincipalName")
            if not isinstance(key, str) or not key:
                bad.append(Unreadable("a user", "It has no id."))
            elif "@removed" in user or (user.get("userType") == "Guest" and not self.settings["guests"]):
                removed.append(key)  # in the recycle bin, deleted for good, or out of scope
            elif not isinstance(name, str) or not name:
                bad.append(Unreadable(f"user {key}", "It has no user principal name."))
            else:
                flag = user.get("accountEnabled")
                active = flag if isinstance(flag, bool) else None
                people.append(Person(key, name, profile_at(user, checked(self.settings["mapping"])), active))
        return Page(people=people, removed=removed, unreadable=bad, checkpoint=checkpoint)

    def _teams(self, listed: list[dict[str, Any]], checkpoint: Json) -> Page:
        groups: list[Group] = []
        memberships: list[Membership] = []
        removed: list[str] = []
        bad: list[Unreadable] = []
        for group in listed:
            key, name = group.get("id"), group.get("displayName")
            if not isinstance(key, str) or not key:
                bad.append(Unreadable("a group", "It has no id."))
            elif "@removed" in group:
                removed.append(key)
            elif not isinstance(name, str) or not name:
                bad.append(Unreadable(f"group {key}", "It has no display name."))
            else:
                groups.append(Group(key, name, members="all" if checkpoint["whole"] else "changes"))
                memberships += _memberships(key, group.get("members@delta", []))
        return Page(
            groups=groups,
            memberships=memberships,
            removed_groups=removed,
            unreadable=bad,
            checkpoint=checkpoint,
        )

    def _selected(self) -> str:
        paths = (path.partition(".")[0] for path in self.settings["mapping"].values())
        return ",".join(dict.fromkeys((*_NEEDED, *paths)))

    def _api(self, calls: Caller) -> Api:
        url = f"{self.settings['token_url'].rstrip('/')}/{self.settings['tenant_id']}/oauth2/v2.0/token"
        client_id, api_url = self.settings["client_id"], self.settings["api_url"].rstrip("/")
        given = self.credentials

        def form() -> dict[str, str]:
            fields = {
                "grant_type": "client_credentials",
                "client_id": client_id,
                "scope": f"{api_url}/.default",
            }
            if given["client_secret"]:
                return fields | {"client_secret": given["client_secret"]}
            if not given["certificate"] or not given["private_key"]:
                raise Misconfigured("Give a client secret, or a certificate with its private key.")
            claims = {"iss": client_id, "sub": client_id, "aud": url}
            signed = assertion(given["private_key"], claims, {"x5t#S256": thumbprint(given["certificate"])})
            return fields | {"client_assertion_type": JWT_BEARER, "client_assertion": signed}

        return Api(calls, api_url, Tokens(calls, url, form, _refused).authorization, _explain)


def _memberships(group: str, members: Any) -> list[Membership]:
    if not isinstance(members, list):
        raise NotUnderstood("Graph's answer has no list of members.")
    return [
        Membership(group, str(member["id"]), present="@removed" not in member)
        for member in members
        if isinstance(member, dict) and member.get("id") and member.get("@odata.type", _USER) == _USER
    ]


_USER: Final = "#microsoft.graph.user"


def _values(listed: dict[str, Any]) -> list[dict[str, Any]]:
    return objects(listed.get("value"), "values")


def _explain(answer: Answer) -> Exception | None:
    if answer.status not in {_BAD, 403, _GONE}:
        return None
    try:
        error = orjson.loads(answer.body)["error"]
        code, message = str(error.get("code")), str(error.get("message", ""))[:200]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        code, message = "", ""
    # Directory_ExpiredPageToken: a next link that waited too long, say behind a back-off.
    if answer.status == _GONE or any(
        word in code.casefold() for word in ("syncstate", "resync", "expiredpagetoken")
    ):
        return ResyncNeeded("Graph no longer knows where the last run ended.")
    if answer.status == _BAD:
        return Misconfigured(f"Graph does not take the question: {code} {message}")
    return Unauthorized(
        f"Graph refuses ({code}). Give the app {' and '.join(RIGHTS)}: {_WHERE}.",
        [Missing(right, _WHERE) for right in RIGHTS],
    )


def _refused(error: str, description: str) -> Fault:
    # The description begins with an AADSTS number that Microsoft's pages explain; what follows may repeat what we sent.
    number = description.partition(":")[0] if description.startswith("AADSTS") else ""
    return Unauthorized(
        f"Entra gives the app no token ({error}{' ' + number if number else ''}): check tenant id, client id, and whether the "
        "secret or the certificate has expired (App registrations > the app > Certificates & secrets)."
    )
