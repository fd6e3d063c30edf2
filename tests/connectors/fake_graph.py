"""Microsoft Graph: delta queries over users and groups. An object's `seq` says when it changed; a delta link remembers a `seq`."""

from tests.connectors.fake_answer import Answer, State, error, page


def answer(state: State, path: str, query: dict[str, str], host: str) -> Answer:
    """Answer a GET below /v1.0/."""
    kind = path.partition("/")[0]
    if not path.endswith("/delta"):
        items = (
            [_user(one, state) for one in state["people"]]
            if kind == "users"
            else [{"id": one["id"]} for one in state["groups"]]
        )
        return Answer(200, {"value": items[: int(query["$top"])]})
    token = query.get("$deltatoken") or query.get("$skiptoken") or ""
    since, _, place = token.partition("-")
    if query.get("$deltatoken") and state["faults"].get("stale"):
        return error(*state["faults"]["stale"])
    if query.get("$skiptoken") and state["faults"].get("stale_middle"):
        return error(*state["faults"]["stale_middle"])
    found, following = page(state, _changed(state, kind, int(since or 0)), place)
    elsewhere = "http://127.0.0.2:1" if state["faults"].get("other_host") else host
    body = {"value": found}
    if following:
        body["@odata.nextLink"] = f"{elsewhere}/v1.0/{kind}/delta?$skiptoken={since or 0}-{following}"
    elif not state["faults"].get("truncate"):
        body["@odata.deltaLink"] = f"{host}/v1.0/{kind}/delta?$deltatoken={state['seq']}-"
    return Answer(200, body)


def _changed(state: State, kind: str, since: int) -> list[dict]:
    if kind == "users":
        return [_user(one, state) for one in state["people"] if one.get("seq", 1) > since]
    return [_group(one, since) for one in state["groups"] if one.get("seq", 1) > since]


def _user(one: dict, state: State) -> dict:
    if one["status"] == "deleted":
        return {"id": one["id"], "@removed": {"reason": "changed"}}
    user = {
        "id": one["id"],
        "userPrincipalName": one["login"],
        "mail": one["login"],
        "givenName": one["first"],
        "surname": one["last"],
        "displayName": f"{one['first']} {one['last']}",
        "jobTitle": one.get("title"),
        "businessPhones": [],
        "userType": one.get("type", "Member"),
        "accountEnabled": one["status"] == "active",
    }
    if one["id"] in state["faults"].get("missing_flag", []):
        del user["accountEnabled"]
    if one["id"] in state["faults"].get("nameless", []):
        del user["userPrincipalName"]
    return user


def _group(one: dict, since: int) -> dict:
    if one.get("deleted"):
        return {"id": one["id"], "@removed": {"reason": "deleted"}}
    joined = [
        {"@odata.type": "#microsoft.graph.user", "id": key}
        for key in (one.get("joined", []) if since else one["members"])
    ]
    left = [
        {"@odata.type": "#microsoft.graph.user", "id": key, "@removed": {"reason": "deleted"}}
        for key in one.get("left", [])
        if since
    ]
    inner = [{"@odata.type": "#microsoft.graph.group", "id": "inner"}]
    return {"id": one["id"], "displayName": one["name"], "members@delta": joined + left + inner}
