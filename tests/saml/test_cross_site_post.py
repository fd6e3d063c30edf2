"""In a real browser, the answer comes as a POST from another site, and the login cookie must come along."""

import base64
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

import pytest
from lxml import etree

from demo.idp_messages import Answer, TestIdp, form_value, respond
from identity import members
from saml import connections, trust
from tests.conftest import SETUP, join
from tests.saml.door import NOTHING, last_attempt, prove, request_of
from tests.site import opened

pytestmark = pytest.mark.browser


class IdpHandler(BaseHTTPRequestHandler):
    """Answers an AuthnRequest with a page whose form sends itself, as identity providers do."""

    def do_GET(self):
        if "SAMLRequest" not in parse_qs(urlsplit(self.path).query):
            self.send_error(404)
            return
        self.reply(request_of(self.path))

    def do_POST(self):
        fields = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.reply(etree.fromstring(base64.b64decode(fields["SAMLRequest"][0])))

    def reply(self, request):
        answer = Answer(
            request.get("AssertionConsumerServiceURL"),
            request.findtext("{urn:oasis:names:tc:SAML:2.0:assertion}Issuer"),
            request.get("ID"),
            attributes={"email": "jane@acme.example"},
        )
        form = form_value(respond(self.server.idp, answer))
        page = (
            f'<form method="post" action="{answer.acs_url}"><input type="hidden" name="SAMLResponse" value="{form}">'
            f"</form><script>document.forms[0].submit()</script>"
        )
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(page.encode())


@contextmanager
def identity_provider(host):
    with opened(IdpHandler) as server:
        server.idp = TestIdp(sso_url=f"http://{host}:{server.server_address[1]}/sso")
        yield server.idp


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"], ids=["another site", "another port"])
@pytest.mark.parametrize("binding", ["redirect", "post"])
def test_a_sign_in_over_plain_http_works_in_chromium(chromium, server, acme, settings, host, binding):
    settings.ROLLCALL_PUBLIC_URL = server
    prove(acme, "acme.example")
    with identity_provider(host) as idp:
        connection = connections.create(
            acme,
            actor=SETUP,
            name="IdP",
            idp_entity_id=idp.entity_id,
            sso_url=idp.sso_url,
            sso_binding=binding,
            certificates=[idp.keys.certificate_pem],
            defaults=NOTHING,
            active=True,
            activate_untested=True,
        )
        page = chromium.new_page()
        page.goto(f"{trust.addresses(connection.pk)['login_url']}?next=/healthz")
        page.wait_for_url(f"{server}/**")
        where, cookies = page.url, {cookie["name"]: cookie for cookie in page.context.cookies()}
        page.close()
    assert where == f"{server}/healthz"
    assert cookies["rollcall_session"]["httpOnly"]
    assert not any(name.startswith("rollcall_login") for name in cookies)
    assert last_attempt(acme).outcome == "succeeded"


@pytest.mark.parametrize("binding", ["redirect", "post"])
def test_a_member_links_themselves_by_clicks_in_chromium(chromium, server, acme, settings, binding):
    """The session's own cookie stays at home on the POST from there, and is back on the page that asks."""
    settings.ROLLCALL_PUBLIC_URL = server
    prove(acme, "acme.example")
    member = join(acme, "jj", displayName="Jane Jones")
    members.set_password(member, "correct horse battery", actor=SETUP)
    with identity_provider("localhost") as idp:
        connections.create(
            acme,
            actor=SETUP,
            name="IdP",
            idp_entity_id=idp.entity_id,
            sso_url=idp.sso_url,
            sso_binding=binding,
            certificates=[idp.keys.certificate_pem],
            defaults=NOTHING,
            active=True,
            activate_untested=True,
        )
        page = chromium.new_page()
        page.goto(f"{server}/sign-in")
        page.fill("#id_user_name", "jj")
        page.fill("#id_password", "correct horse battery")
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(f"{server}/me")
        page.get_by_role("button", name="Link", exact=True).click()
        page.wait_for_url(f"{server}/me/link")
        shown = page.inner_text("main")
        page.get_by_role("button", name="Yes, link me").click()
        page.wait_for_url(f"{server}/me")
        said = page.inner_text("main")
        page.close()
    assert "jane@acme.example" in shown
    assert "You are linked" in said
    assert last_attempt(acme).outcome == "succeeded"
