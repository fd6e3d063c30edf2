"""An administrator offboards Ines in the console; from then on no machine lets her in."""

from demo.tour.chapters.record import told, wait_for
from demo.tour.chapters.suspension import refused_sign_in
from demo.tour.clients.browser import form, text
from demo.tour.screen import holds, same
from demo.tour.stage import Stage

TITLE = "For good: offboarded in the console"
REASON = "Left the company at the end of the tour"


def play(stage: Stage) -> None:
    """Offboard Ines with one click, and try what could bring her back."""
    ines = stage.ids["ines"]
    console = f"/o/{stage.slug}/members/{ines}/"
    maren = stage.browser("maren")
    with stage.step("Maren opens Ines in the console and asks to offboard her: the page says what will end"):
        page = maren.open(f"{console}offboard")
        holds("it names what ends", "iberia" in text(page).casefold(), text(page))
    with stage.step("A forged form, without that page's token, is refused and changes nothing"):
        maren.submit(form(page, "reason"), {"csrfmiddlewaretoken": "forged"}, expect=403)
        found = stage.operator.call("GET", f"{stage.here}/members/{ines}", tell="state")
        same("her state", found["state"], "active")
    with stage.step("She confirms, and is shown what ended"):
        receipt = maren.submit(form(page, "reason"), {"reason": REASON})
        same("where she is shown it", receipt.request.url.path, f"{console}receipt")
        holds("it names what ended", "iberia" in text(receipt).casefold(), text(receipt))
    with stage.step("Everything has ended: no access, no roles, no session"):
        found = stage.operator.call("GET", f"{stage.here}/members/{ines}/access", tell="state grants roles")
        same("what is left", (found["state"], found["grants"], found["roles"]), ("offboarded", [], []))
        stage.browser("ines").json("/api/v1/me", expect=401, tell="code")
    with stage.step("SCIM active:true does not bring her back"):
        stage.okta.set_active(ines, active=True, expect=403)
    with stage.step("Nor does her identity provider"):
        refused_sign_in(stage, "ines")
    with stage.step("And the record says who put her out, and why"):
        entries = [
            entry for entry in wait_for(stage, "member.offboard") if entry["event"] == "member.offboard"
        ]
        stage.screen.heard(told(entries[-1]))
        actor, data = entries[-1]["actor"], entries[-1]["data"]
        expected = (stage.ids["maren"], stage.address("maren"), REASON)
        same("by whom, and why", (actor["id"], actor["label"], data.get("reason")), expected)
