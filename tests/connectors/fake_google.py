"""Google's Directory API: users, groups, members. A deleted user answers 412 for twenty days; empty lists are left out."""

from tests.connectors.fake_answer import Answer, State, error, page


def answer(state: State, path: str, query: dict[str, str], _host: str) -> Answer:
    """Answer a GET below /admin/directory/v1/."""
    if query.get("pageToken") and state["faults"].get("stale_token"):
        return error(400, "invalid")
    first, *rest = path.split("/")
    if first == "users" and rest:
        return next(
            (Answer(200, _user(one, state)) for one in state["people"] if one["login"] == rest[0]),
            error(404, "notFound"),
        )
    if first == "users":
        deleted = query.get("showDeleted") == "true"
        people = [one for one in state["people"] if (one["status"] == "deleted") == deleted]
        return _list(state, "users", [_user(one, state) for one in people], query)
    if not rest:
        return _list(
            state,
            "groups",
            [{"id": one["id"], "name": one["name"], "email": "g@x"} for one in state["groups"]],
            query,
        )
    group = next((one for one in state["groups"] if one["id"] == rest[0]), None)
    if group is None or group["id"] in state["faults"].get("gone", []):
        return error(state["faults"].get("gone_status", 404), "notFound")
    members = [{"id": key, "type": "USER"} for key in group["members"]] + [{"id": "inner", "type": "GROUP"}]
    return _list(state, "members", members, query)


def _list(state: State, name: str, items: list[dict], query: dict[str, str]) -> Answer:
    found, following = page(state, items, query.get("pageToken", ""))
    return Answer(200, ({name: found} if found else {}) | ({"nextPageToken": following} if following else {}))


def _user(one: dict, state: State) -> dict:
    user = {
        "id": one["id"],
        "primaryEmail": one["login"],
        "name": {
            "givenName": one["first"],
            "familyName": one["last"],
            "fullName": f"{one['first']} {one['last']}",
        },
        "organizations": [
            {"title": "Old", "primary": False},
            {"title": one.get("title", ""), "primary": True},
        ],
        "suspended": one["status"] == "suspended",
        "archived": one["status"] == "archived",
        "etag": "x",
        "lastLoginTime": "2026-01-01T00:00:00.000Z",
    }
    if one["id"] in state["faults"].get("missing_flag", []):
        del user["suspended"]
    if one["id"] in state["faults"].get("nameless", []):
        del user["primaryEmail"]
    return user
