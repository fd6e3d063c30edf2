"""An administrator changes a permission; from then on no sign-in and no directory touches it."""

from demo.tour.screen import same
from demo.tour.stage import Stage

TITLE = "An administrator's word stands"


def play(stage: Stage) -> None:
    """Have Maren take Ines's right to edit; sign Ines in once more, with other assertions."""
    ines = stage.ids["ines"]
    with stage.step("Maren lets Ines only view the Iberian offices"):
        wanted = [
            {"kind": "portfolio", "id": "iberia", "permission": "view"},
            {"kind": "asset", "id": "oslo-tower", "permission": "view"},
        ]
        stage.administrator.call(
            "PUT", f"{stage.here}/members/{ines}/grants", {"grants": wanted}, tell="state"
        )
        stage.access_before = [
            ("asset oslo-tower", "view", "asserted"),
            ("portfolio iberia", "view", "admin"),
        ]
        same("her own grants", stage.own_grants(ines), stage.access_before)
    with stage.step("An access that names nothing of this organization is refused, and nothing changes"):
        foreign = [{"kind": "portfolio", "id": "atlantis", "permission": "view"}]
        path = f"{stage.here}/members/{ines}/grants"
        refused = stage.administrator.call("PUT", path, {"grants": foreign}, expect=400, tell="code")
        same("the code", refused["code"], "unknown_resource")
        same("her own grants", stage.own_grants(ines), stage.access_before)
    with stage.step("Ines signs in again, her identity provider asserts more than before: nothing changes"):
        stage.sign_in(
            "ines",
            permissions_portfolio=["iberia:edit", "nordics:edit"],
            roles=["organization_admin"],
            surname=["Albrecht"],
        )
        same("her own grants", stage.own_grants(ines), stage.access_before)
        me = stage.browser("ines").json("/api/v1/me", tell="roles")
        same("her roles", me["roles"], ["member"])
