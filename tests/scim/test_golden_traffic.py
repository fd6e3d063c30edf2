"""Every golden request through the door: sent as its client sends it, answered, read back, recorded."""

from typing import Any

import pytest

from tests.conftest import scim_client
from tests.scim import golden_files
from tests.scim.talk import Scim, entries

pytestmark = pytest.mark.usefixtures("db")

OURS = {"schemas", "id", "meta", "groups", "members"}


def told(resource: dict[str, Any]) -> dict[str, Any]:
    """Leave out what we add of ourselves."""
    return {name: value for name, value in resource.items() if name not in OURS}


@pytest.mark.parametrize("name", golden_files.NAMES)
def test_golden_traffic_has_its_effect(acme, name):
    idp = Scim(scim_client(acme, "generic"))
    names = {each: idp.create(f"{each}@example.org")["id"] for each in ("u1", "u2", "u3", "u4")}
    golden = golden_files.load(name, **names)
    path = f"/{golden['type']}s"
    status = 201
    if golden["method"] != "POST":
        before = golden["before"] | {
            "members": [{"value": each} for each in golden.get("members", {}).get("before", [])]
        }
        made = idp.post(path, before).body
        golden = golden_files.load(name, id=made["id"], **names)
        path = f"{path}/{made['id']}"
        status = 200
    known = len(entries(acme))
    answer = idp.send(golden["method"], path, golden["body"])
    assert answer.status == status, answer
    if answer.body is None:
        answer = idp.get(path)
    wanted = {"active": True} | golden["after"] if golden["type"] == "User" else golden["after"]
    assert told(answer.body) == wanted
    back = idp.get(f"/{golden['type']}s/{answer.body['id']}").body
    assert back == answer.body
    if "members" in golden:
        assert sorted(each["value"] for each in back.get("members", [])) == sorted(golden["members"]["after"])
    assert len(entries(acme)) > known
    assert not entries(acme, event="scim.refuse")
