"""The development identity provider: what it refuses, and that what it signs is what our verifier accepts."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import httpx2
import pytest

from saml import build
from saml.refusals import Refused
from saml.snapshot import PendingRequest
from saml.verify import verify
from saml.xml import read_response
from tests.demo.conftest import ROOT, hidden, start_idp
from tests.waiting import PATIENCE

NOW = datetime.now(UTC)
get, post = (partial(each, timeout=PATIENCE) for each in (httpx2.get, httpx2.post))


def ask(running, request_id="_request-1", binding="redirect", *, key=True, **wrong):
    """Send an AuthnRequest as Rollcall does and return the answer."""
    connection = replace(running.connection, **wrong)
    document = build.authn_request(connection, request_id, build.RequestWishes())
    message = build.send(
        document,
        f"{running.idp}/meridian/sso",
        binding,
        field="SAMLRequest",
        relay_state="state-1",
        key=running.key if key else None,
    )
    return post(message.url, data=message.fields) if message.fields else get(message.url)


def sign_in(running, page, **fields):
    """Fill in the form of the page that asks who it is, and return the page that posts the response."""
    carried = {name: hidden(page, name) for name in ("service", "acs_url", "request_id", "relay_state")}
    return post(f"{running.idp}/meridian/answer", data={**carried, **fields})


def accept(running, page, request_id="_request-1", **policy):
    """Have our verifier decide about the response that a page carries."""
    begun = datetime.now(UTC)
    request = PendingRequest(
        request_id, begun - timedelta(seconds=9), begun + timedelta(minutes=9), same_browser=True
    )
    response = read_response(hidden(page, "SAMLResponse"))
    connection = replace(running.connection, **policy)
    return verify(response, connection, request if request_id else None, begun)


def test_it_does_not_start_outside_development_mode(tmp_path):
    with start_idp(1, tmp_path, "http://localhost:8000", ROLLCALL_DEBUG="false") as process:
        assert process.wait(PATIENCE) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", "192.0.2.7", "rollcall.example"])
def test_it_does_not_listen_beyond_loopback(bind, tmp_path, monkeypatch):
    monkeypatch.setenv("ROLLCALL_DEBUG", "true")
    command = [sys.executable, "-m", "demo.identity_provider", "--port=8001", f"--data={tmp_path}"]
    process = subprocess.run(
        [*command, f"--bind={bind}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert process.returncode == 1
    assert "not a loopback address" in process.stderr


def test_it_answers_on_loopback_names_alone(running):
    answer = get(f"{running.idp}/meridian/metadata", headers={"Host": "idp.attacker.example"})
    assert answer.status_code == 421


def test_the_form_of_another_site_signs_nobody_in(running):
    fields = {"service": running.connection.entity_id, "name_id": "maren@meridian.example"}
    elsewhere = {"Origin": "https://attacker.example"}
    url = f"{running.idp}/meridian/answer"
    assert post(url, data=fields, headers=elsewhere).status_code == 403
    assert post(url, data=fields, headers={"Origin": running.idp}).status_code == 200


@pytest.mark.parametrize(
    "service", ["https://rollcall.example/saml2/0190/metadata", "", "{server}.attacker.example/metadata"]
)
def test_it_signs_for_no_other_server(running, service):
    fields = {"service": service.format(server=running.server), "name_id": "maren@meridian.example"}
    answer = post(f"{running.idp}/meridian/answer", data=fields)
    assert answer.status_code == 400
    assert "SAMLResponse" not in answer.text


def test_it_posts_to_published_addresses_alone(running):
    assert ask(running, acs_url=f"{running.server}/saml2/0190/elsewhere").status_code == 400
    fields = {
        "service": running.connection.entity_id,
        "acs_url": "https://attacker.example/acs",
        "name_id": "x",
    }
    assert post(f"{running.idp}/meridian/answer", data=fields).status_code == 400


def test_a_request_with_a_wrong_signature_is_refused(running):
    document = build.authn_request(running.connection, "_request-1", build.RequestWishes())
    url = f"{running.idp}/meridian/sso"
    message = build.send(document, url, "redirect", field="SAMLRequest", key=running.key)
    assert get(message.url).status_code == 200
    changed = message.url.replace("SigAlg=", "RelayState=another&SigAlg=")
    assert get(changed).status_code == 400


def test_a_second_message_does_not_hide_behind_a_signed_one(running):
    url = f"{running.idp}/meridian/sso"
    signed, unsigned = (
        build.send(
            build.authn_request(running.connection, request_id, build.RequestWishes()),
            url,
            "redirect",
            field="SAMLRequest",
            key=running.key,
        ).url.partition("?")[2]
        for request_id in ("_request-1", "_request-2")
    )
    assert get(f"{url}?{signed}").status_code == 200
    assert get(f"{url}?{unsigned.partition('&')[0]}&{signed}").status_code == 400


@pytest.mark.parametrize(
    "garbage", ["SAMLRequest=%%%", "SAMLRequest=AAAA", "SAMLRequest=", "SAMLResponse=PHg%2BPC94Pg%3D%3D", ""]
)
@pytest.mark.parametrize("path", ["sso", "slo"])
def test_garbage_is_refused_in_words(running, path, garbage):
    answer = get(f"{running.idp}/meridian/{path}?{garbage}")
    assert answer.status_code == 400
    assert "<h1>Not accepted</h1>" in answer.text


def test_what_is_typed_in_is_escaped(running):
    page = get(f"{running.idp}/meridian/start", params={
        "service": running.connection.entity_id, "RelayState": '"><script>alert(1)</script>'
    })  # fmt: skip
    assert "<script>" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize("binding", ["redirect", "post"])
@pytest.mark.parametrize("key", [True, False], ids=["signed", "unsigned"])
def test_a_person_of_the_cast_signs_in(running, binding, key):
    page = ask(running, binding=binding, key=key)
    assert "Ingrid Solberg" in page.text
    answer = sign_in(running, page.text, name_id="ingrid@meridian.example", email="ingrid@meridian.example")
    assert hidden(answer.text, "RelayState") == "state-1"
    assert f"form-action 'self' {running.server}" in answer.headers["Content-Security-Policy"]
    verified = accept(running, answer.text)
    assert verified.name_id.value == "ingrid@meridian.example"
    assert verified.attributes == {"email": ("ingrid@meridian.example",)}


@pytest.mark.parametrize("signed", ["assertion", "response", "both"])
@pytest.mark.parametrize("encrypt", ["", "yes"])
def test_it_signs_and_encrypts_as_asked(running, signed, encrypt):
    page = ask(running)
    answer = sign_in(running, page.text, name_id="n", sign=signed, encrypt=encrypt)
    verified = accept(running, answer.text, signed=signed)
    assert verified.encrypted is bool(encrypt)


def test_lists_are_asserted_value_by_value(running):
    fields = {"permissions:portfolio": ["nordics:edit", "iberia:view"], "roles": "auditor, member"}
    answer = sign_in(running, ask(running).text, name_id="n", **fields)
    assert accept(running, answer.text).attributes == {
        "permissions:portfolio": ("nordics:edit", "iberia:view"),
        "roles": ("auditor", "member"),
    }


def test_a_sign_in_may_begin_at_the_identity_provider(running):
    page = get(f"{running.idp}/meridian/start", params={"service": running.connection.entity_id})
    answer = sign_in(running, page.text, name_id="n")
    assert accept(running, answer.text, "", allow_idp_initiated=True).in_response_to is None


def test_a_response_is_good_for_its_own_realm_alone(running):
    page = ask(running)
    carried = {name: hidden(page.text, name) for name in ("service", "acs_url", "request_id")}
    answer = post(f"{running.idp}/harbour-pine/answer", data={**carried, "name_id": "n"})
    with pytest.raises(Refused, match="issuer"):
        accept(running, answer.text)


def test_a_logout_request_must_be_signed_and_gets_a_signed_answer(running):
    from saml.statements import NameID

    document = build.logout_request(
        running.connection, "_logout-1", NameID("ingrid@meridian.example"), ["_1"]
    )
    url = running.connection.slo_url
    unsigned = build.send(document, url, "redirect", field="SAMLRequest")
    assert get(unsigned.url).status_code == 400
    for binding in ("redirect", "post"):
        signed = build.send(document, url, binding, field="SAMLRequest", relay_state="r", key=running.key)
        answer = post(url, data=signed.fields) if signed.fields else get(signed.url)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith(f"{running.connection.sls_url}?SAMLResponse=")
        assert "&Signature=" in answer.headers["Location"]
