"""People sign in for the first time, and what their identity provider says of them becomes their first permissions."""

from typing import Any

from demo.tour.clients.http import Client
from demo.tour.screen import holds, same
from demo.tour.stage import Stage

TITLE = "The first sign-in brings permissions"


def play(stage: Stage) -> None:
    """Sign Ines in by SAML, and look at what that changed; then Maren, who becomes administrator."""
    ines = stage.ids["ines"]
    with stage.step("Ines signs in: redirect, a really signed response, a session"):
        stage.sign_in(
            "ines",
            permissions_portfolio=["iberia:edit"],
            permissions_asset=["oslo-tower:view", "atlantis:view"],
            surname=["Albrecht"],
        )
        me = stage.browser("ines").json("/api/v1/me", tell="kind")
        same("who is signed in", me["member"]["id"], ines)
    with stage.step(
        "What was asserted takes the place of the defaults, once; what is not registered gives nothing"
    ):
        expected = [("asset oslo-tower", "view", "asserted"), ("portfolio iberia", "edit", "asserted")]
        same("her own grants", stage.own_grants(ines), expected)
    with stage.step("An asset inherits from its portfolio"):
        found = stage.operator.call("GET", f"{stage.here}/members/{ines}/access")
        inherited = [grant["id"] for grant in found["grants"] if grant["inherited_from"]]
        same("inherited", inherited, ["porto-mill"])
    with stage.step("The sign-in log tells of the sign-in, and of the access that was refused"):
        newest = last_sign_in(stage)
        same("its outcome", newest["outcome"], "succeeded")
        holds("the unknown asset is named", "atlantis" in str(newest["steps"]), newest["steps"])
    with stage.step(
        "Maren signs in from the console's own page, with the role of an administrator, and gets a token to work with"
    ):
        stage.sign_in("maren", from_console=True, roles=["organization_admin"], surname=["Holt"])
        me = stage.browser("maren").json("/api/v1/me")
        holds("she may offboard people", "members.write" in me["capabilities"], me)
        stage.administrator = Client(
            stage.screen,
            f"{stage.url}/api/v1",
            token(stage, "maren", ["access.read", "access.write", "members.read"]),
        )
    with stage.step("Ines gets an API token, which works"):
        stage.member_token = token(stage, "ines", ["members.read"])
        me = Client(stage.screen, f"{stage.url}/api/v1", stage.member_token).call("GET", "/me", tell="kind")
        same("whose token it is", me["member"]["id"], ines)


def last_sign_in(stage: Stage) -> dict[str, Any]:
    """Return the newest line of the sign-in log."""
    newest = stage.operator.call("GET", f"{stage.here}/sign-ins")["items"][-1]
    told = [step["step"] for step in newest["steps"] if not step["step"].startswith("passed")]
    stage.screen.heard(f"sign-in log: {' · '.join([newest['outcome'], *told])}")
    return dict(newest)


def token(stage: Stage, name: str, scopes: list[str]) -> str:
    """Have the operator issue a token for a person, and return its secret, which is shown this once."""
    path = f"{stage.here}/members/{stage.ids[name]}/tokens"
    issued = stage.operator.call(
        "POST", path, {"name": "tour", "scopes": scopes}, expect=201, tell="prefix scopes"
    )
    return str(issued["token"])
