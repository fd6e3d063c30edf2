"""An operator makes a customer; the product registers what access can be given on; directories and single sign-on are set up."""

import httpx2

from demo.tour.clients.http import check_status
from demo.tour.clients.scim import Entra, Okta
from demo.tour.screen import same
from demo.tour.stage import Stage

TITLE = "A customer arrives"

RESOURCES = [
    {"kind": "portfolio", "id": "nordics", "name": "Nordic offices"},
    {"kind": "asset", "id": "oslo-tower", "name": "Oslo Tower", "parent": "nordics"},
    {"kind": "portfolio", "id": "iberia", "name": "Iberian offices"},
    {"kind": "asset", "id": "porto-mill", "name": "Porto Mill", "parent": "iberia"},
]
# What somebody gets who comes before their identity provider has said anything about access.
DEFAULTS = {"grants": [{"kind": "portfolio", "id": "nordics", "permission": "view"}], "roles": ["member"]}


def play(stage: Stage) -> None:
    """Set the customer up, by API alone."""
    call = stage.operator.call
    with stage.step("The operator creates an organization with portfolios and assets"):
        body = {"name": f"Tour {stage.run}", "slug": stage.slug, "access_model": "portfolio_asset"}
        call("POST", "/organizations", body, expect=201, tell="id slug access_model")
    with stage.step("The product registers its resources, children with their parents"):
        registered = call("PUT", f"{stage.here}/resources", RESOURCES, tell="created changed unchanged")
        same("resources created", registered["created"], len(RESOURCES))
    with stage.step("Registering them again changes nothing"):
        registered = call("PUT", f"{stage.here}/resources", RESOURCES, tell="created changed unchanged")
        same("resources unchanged", registered["unchanged"], len(RESOURCES))
    with stage.step("The customer's e-mail domain is claimed, and confirmed by the operator"):
        domain = call("POST", f"{stage.here}/domains", {"name": stage.domain}, expect=201, tell="name proof")
        call("POST", f"{stage.here}/domains/{domain['id']}/confirm", {}, tell="name proof")
    with stage.step("Two directories get a token each, shown this once"):
        stage.okta = Okta(stage.screen, *_directory(stage, "okta"), user_agent="Okta SCIM Client 1.0.0")
        stage.entra = Entra(stage.screen, *_directory(stage, "entra"), user_agent="Azure AD Provisioning")
    with stage.step(
        "A SAML connection is made from the identity provider's metadata, with defaults chosen, and switched on"
    ):
        _connection(stage)
    with stage.step("Our own metadata is there for the identity provider to load"):
        answer = httpx2.get(stage.ids["metadata_url"], timeout=10)
        stage.screen.heard(f"GET {answer.request.url.path} → {answer.status_code}")
        check_status("our metadata", answer, 200)
        same("it names the entity", f'entityID="{stage.ids["entity_id"]}"' in answer.text, expected=True)


def _directory(stage: Stage, idp: str) -> tuple[str, str]:
    """Create a directory and return its SCIM address and a token."""
    call = stage.operator.call
    body = {"kind": "scim", "name": idp.title(), "idp": idp, "defaults": DEFAULTS}
    made = call("POST", f"{stage.here}/directories", body, expect=201, tell="id idp")
    stage.ids[idp] = made["id"]
    path = f"{stage.here}/directories/{made['id']}/tokens"
    issued = call("POST", path, {"name": "tour"}, expect=201, tell="prefix expires_at")
    return f"{stage.url}/scim/v2", issued["token"]


def _connection(stage: Stage) -> None:
    metadata = httpx2.get(f"{stage.idp}/{stage.slug}/metadata", timeout=10)
    check_status("the identity provider's metadata", metadata, 200)
    body = {
        "name": "Single sign-on",
        "idp_preset": "generic",
        "idp_metadata_xml": metadata.text,
        "signed": "assertion",
        "join": "anyone",
        "defaults": DEFAULTS,
        "active": True,
        "activate_untested": True,  # a tour has nobody who could try the sign-in in another tab
    }
    made = stage.operator.call(
        "POST", f"{stage.here}/connections", body, expect=201, tell="id active login_url"
    )
    same("the connection is on", made["active"], expected=True)
    stage.ids |= {name: made[name] for name in ("entity_id", "metadata_url", "acs_url", "login_url")}
    stage.ids["connection"] = made["id"]
