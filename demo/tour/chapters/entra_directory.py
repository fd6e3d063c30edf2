"""Entra ID pushes people and groups, in its own way, into the same organization."""

from typing import Any

from demo.tour.clients.scim import ENTERPRISE
from demo.tour.screen import holds, same
from demo.tour.stage import Stage

TITLE = "Entra ID pushes its people"


def play(stage: Stage) -> None:
    """Create, match, update and group people as Entra's client does."""
    entra = stage.entra
    with stage.step("Entra tests the connection by looking for a stranger: an empty list, not an error"):
        same("people found", entra.match("Users", 'userName eq "6e4c1a4e-5f8e-4a53-9d5b-8f8a0f3f8f11"'), [])
    with stage.step("Entra creates Kofi and Mei, with nulls and stray names"):
        for given, family in (("Kofi", "Osei"), ("Mei", "Ito")):
            name = given.lower()
            made = entra.create_user(given, family, stage.address(name), f"{stage.run}-{name}")
            stage.ids[name] = made["id"]
    with stage.step("Each directory sees its own people alone: to Entra, Okta's Ines is not there"):
        entra.call("GET", f"/Users/{stage.ids['ines']}", expect=404, tell="status detail")
        same("people found", entra.match("Users", f'userName eq "{stage.address("ines")}"'), [])
    kofi = stage.ids["kofi"]
    with stage.step(
        "Entra updates Kofi: a town in an address that is not there yet, another e-mail, a department by URN"
    ):
        entra.replace(kofi, 'addresses[type eq "work"].locality', "Accra", op="Add")
        entra.replace(kofi, 'emails[type eq "work"].value', stage.address("kofi.osei"))
        entra.replace(kofi, f"{ENTERPRISE}:department", "Finance", op="Add")
        user = _user(stage, kofi)
        same("his town", [address.get("locality") for address in user["addresses"]], ["Accra"])
        same("his e-mail", [email["value"] for email in user["emails"]], [stage.address("kofi.osei")])
        same("his department", user[ENTERPRISE]["department"], "Finance")
    with stage.step('Entra says "False", a text, and Kofi is out; then "True", and he is back'):
        entra.replace(kofi, "active", "False")
        same("active", _user(stage, kofi)["active"], expected=False)
        entra.replace(kofi, "active", "True")
        same("active", _user(stage, kofi)["active"], expected=True)
    _groups(stage)


def _groups(stage: Stage) -> None:
    entra, ids = stage.entra, stage.ids
    with stage.step("Entra creates a group without members, and adds them one by one"):
        group = entra.create_group("Finance", f"{stage.run}-finance")["id"]
        for name in ("kofi", "mei"):
            entra.add_member(group, ids[name])
        same("Kofi is in it", len(_membership(stage, group, "kofi")), 1)
    with stage.step('Entra removes Mei by "Remove members" with a value: Mei goes, and nobody else'):
        entra.remove_member(group, ids["mei"])
        same("Mei is in it", _membership(stage, group, "mei"), [])
        same("Kofi is in it", len(_membership(stage, group, "kofi")), 1)
    with stage.step("Entra reads groups without members, as it asked"):
        found = entra.match("Groups", 'displayName eq "finance"', without="members")
        holds("no members in the answer", len(found) == 1 and "members" not in found[0], found)


def _membership(stage: Stage, group: str, name: str) -> list[dict[str, Any]]:
    return stage.entra.match(
        "Groups", f'id eq "{group}" and members eq "{stage.ids[name]}"', without="members"
    )


def _user(stage: Stage, user: str) -> dict[str, Any]:
    return dict(stage.entra.call("GET", f"/Users/{user}", tell="userName active"))
