"""Okta pushes people and groups, in its own way."""

from demo.tour.screen import same
from demo.tour.stage import Stage

TITLE = "Okta pushes its people"


def play(stage: Stage) -> None:
    """Create, match, update and group people as Okta's client does."""
    okta = stage.okta
    with stage.step("Okta looks for Ines by user name and finds nobody"):
        same("people found", okta.match("Users", f'userName eq "{stage.address("ines")}"'), [])
    with stage.step("Okta creates Ines; the directory's defaults are her first permissions"):
        ines = okta.create_user("Ines", "Albrecht", stage.address("ines"), f"00u-{stage.run}-ines")
        stage.ids["ines"] = ines["id"]
        expected = [("portfolio nordics", "view", "directory_default")]
        same("her own grants", stage.own_grants(ines["id"]), expected)
    with stage.step("Creating her a second time is refused as SCIM says"):
        body = {"schemas": ines["schemas"], "userName": stage.address("ines").upper()}
        refused = okta.call("POST", "/Users", body, expect=409, tell="status scimType detail")
        same("the scimType", refused["scimType"], "uniqueness")
    with stage.step("Okta creates Maren, who will administer the organization, and Olav"):
        for given, family in (("Maren", "Holt"), ("Olav", "Dahl")):
            name = given.lower()
            made = okta.create_user(given, family, stage.address(name), f"00u-{stage.run}-{name}")
            stage.ids[name] = made["id"]
    with stage.step("Okta finds Ines now, and updates her by sending everything back (PUT)"):
        found = okta.match("Users", f'userName eq "{stage.address("ines")}"')
        same("people found", [user["id"] for user in found], [stage.ids["ines"]])
        replaced = okta.replace_user({**found[0], "title": "Asset manager"})
        same("her title", replaced["title"], "Asset manager")
    _groups(stage)


def _groups(stage: Stage) -> None:
    okta, ids = stage.okta, stage.ids
    with stage.step("Okta pushes a group with its members"):
        members = [{"value": ids["ines"]}, {"value": ids["maren"]}]
        body = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": "Platform",
            "members": members,
        }
        group = okta.call("POST", "/Groups", body, expect=201, tell="id displayName")
        ids["platform"] = group["id"]
        same("its members", members_of(stage, "platform"), ids_of(stage, "ines", "maren"))
    with stage.step("One request takes Maren out and Olav in"):
        okta.change_members(group["id"], remove=[ids["maren"]], add=[ids["olav"]])
        same("its members", members_of(stage, "platform"), ids_of(stage, "ines", "olav"))
    with stage.step("A rename without members leaves the members alone"):
        okta.rename_group(group["id"], "Platform team")
        same("its members", members_of(stage, "platform"), ids_of(stage, "ines", "olav"))


def members_of(stage: Stage, group: str) -> list[str]:
    """Return the ids of a group's members as Okta sees them, sorted."""
    found = stage.okta.call("GET", f"/Groups/{stage.ids[group]}", tell="displayName")
    return sorted(member["value"] for member in found.get("members", []))


def ids_of(stage: Stage, *names: str) -> list[str]:
    """Return the ids of people, sorted."""
    return sorted(stage.ids[name] for name in names)
