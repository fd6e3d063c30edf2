"""The directory says that Ines is out: her browser, her token and her next sign-in are all refused at once."""

from demo.tour.chapters.first_sign_in import last_sign_in
from demo.tour.clients.http import Client
from demo.tour.screen import holds, same
from demo.tour.stage import Stage

TITLE = "Out: the directory deactivates Ines"


def play(stage: Stage) -> None:
    """Deactivate Ines by SCIM, and try every door."""
    ines = stage.ids["ines"]
    with stage.step("Until now her browser and her token work"):
        stage.browser("ines").json("/api/v1/me", tell="kind")
        _token(stage).call("GET", "/me", tell="kind")
    with stage.step("Okta sends active:false"):
        stage.okta.set_active(ines, active=False)
    with stage.step("Her browser's session is refused"):
        stage.browser("ines").json("/api/v1/me", expect=401, tell="code")
    with stage.step("Her API token is refused"):
        _token(stage).call("GET", "/me", expect=401, tell="code")
    with stage.step("Her next SAML sign-in is refused, although her identity provider signs it"):
        refused_sign_in(stage, "ines")
    with stage.step("Her access is dormant, and nothing of it is lost; Okta still sees her, inactive"):
        found = stage.administrator.call("GET", f"{stage.here}/members/{ines}/access", tell="state dormant")
        same("dormant", found["dormant"], expected=True)
        same("her own grants", stage.own_grants(ines), stage.access_before)
        user = stage.okta.call("GET", f"/Users/{ines}", tell="userName active")
        same("active", user["active"], expected=False)


def refused_sign_in(stage: Stage, name: str) -> None:
    """Try to sign somebody in who is out: a plain page for them, a coded line in the sign-in log."""
    stage.sign_in(name, expect=403, surname=["Albrecht"])
    newest = last_sign_in(stage)
    same("the sign-in log", (newest["outcome"], newest["code"]), ("failed", "user_inactive"))
    stage.browser(name).json("/api/v1/me", expect=401, tell="code")


def _token(stage: Stage) -> Client:
    holds("there is a token", stage.member_token, stage.member_token)
    return Client(stage.screen, f"{stage.url}/api/v1", stage.member_token)
