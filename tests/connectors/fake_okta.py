"""Okta's management API: users, groups and members with Link headers; a plain list leaves out who is deprovisioned."""

import re

from tests.connectors.fake_answer import Answer, State, error, page

STATUS = {"active": "ACTIVE", "suspended": "SUSPENDED", "deleted": "DEPROVISIONED", "staged": "STAGED"}


def answer(state: State, path: str, query: dict[str, str], host: str) -> Answer:
    """Answer a GET below /api/v1/."""
    first, *rest = path.split("/")
    wanted = query.get("filter", "")
    since = (re.findall(r'lastUpdated gt "([^"]+)"', wanted) or [""])[0]
    if first == "users":
        people = [_user(one, state) for one in state["people"] if one["changed"] > since]
        if not since:
            people = [
                one
                for one in people
                if (one.get("status") == "DEPROVISIONED") == ('"DEPROVISIONED"' in wanted)
            ]
        return _list(state, path, people, query, host)
    if not rest:
        groups = [
            {"id": one["id"], "type": one.get("type", "OKTA_GROUP"), "profile": {"name": one["name"]}}
            for one in state["groups"]
            if one["changed"] > since
        ]
        return _list(state, path, groups, query, host)
    group = next((one for one in state["groups"] if one["id"] == rest[0]), None)
    if group is None or group["id"] in state["faults"].get("gone", []):
        return error(404, "E0000007")
    return _list(state, path, [{"id": key} for key in group["members"]], query, host)


def _list(state: State, path: str, items: list[dict], query: dict[str, str], host: str) -> Answer:
    found, following = page(state, items, query.get("after", ""))
    host = state["faults"].get("elsewhere", host)
    own = f'<{host}/api/v1/{path}?limit=200>; rel="self"'
    keep = f"&filter={query['filter']}".replace(" ", "%20").replace('"', "%22") if "filter" in query else ""
    link = (
        f'{own}, <{host}/api/v1/{path}?after={following}&limit=200{keep}>; rel="next"' if following else own
    )
    return Answer(200, found, {"Link": link, **state["faults"].get("rate", {})})


def _user(one: dict, state: State) -> dict:
    user = {
        "id": one["id"],
        "status": STATUS[one["status"]],
        "lastUpdated": one["changed"],
        "profile": {
            "login": one["login"],
            "email": one["login"],
            "firstName": one["first"],
            "lastName": one["last"],
            "title": one.get("title"),
        },
    }
    if one["id"] in state["faults"].get("missing_flag", []):
        del user["status"]
    if one["id"] in state["faults"].get("nameless", []):
        del user["profile"]["login"]
    return user
