"""The directory lets Ines in again, and she finds what the administrator gave her."""

from demo.tour.screen import same
from demo.tour.stage import Stage

TITLE = "Back: the directory reactivates Ines"


def play(stage: Stage) -> None:
    """Reactivate Ines by SCIM, and sign her in."""
    ines = stage.ids["ines"]
    with stage.step("Okta sends active:true"):
        stage.okta.set_active(ines, active=True)
    with stage.step("Her old session and token stay dead: coming back is a new beginning"):
        stage.browser("ines").json("/api/v1/me", expect=401, tell="code")
    with stage.step("She signs in, with the permissions that the administrator left her"):
        stage.sign_in("ines", permissions_portfolio=["iberia:edit"], surname=["Albrecht"])
        stage.browser("ines").json("/api/v1/me", tell="kind")
        same("her own grants", stage.own_grants(ines), stage.access_before)
    with stage.step("She is still in her groups, which Okta did not send again"):
        group = stage.okta.call("GET", f"/Groups/{stage.ids['platform']}", tell="displayName")
        members = sorted(member["value"] for member in group["members"])
        same("its members", members, sorted([ines, stage.ids["olav"]]))
