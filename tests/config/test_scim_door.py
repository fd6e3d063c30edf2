"""SCIM is answered before anything that is there for browsers, and everything else is not."""

import pytest
from django.test import Client

from tests.scim.talk import Scim

pytestmark = pytest.mark.usefixtures("db")
OF_PAGES = ("Content-Security-Policy", "X-Frame-Options", "Cross-Origin-Opener-Policy", "Vary", "Set-Cookie")


def test_scim_answers_have_what_machines_need_and_nothing_of_pages(okta):
    idp = Scim(okta)
    for answer in (idp.get("/Users"), idp.get("/Users/nobody"), idp.get("/nothing"), Scim("").get("/Users")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Request-ID"]
        assert int(answer.headers["Content-Length"]) > 0
        assert not [name for name in OF_PAGES if name in answer.headers]


@pytest.mark.parametrize("path", ["/scim/v3/Users", "/sign-in"])
def test_every_other_address_goes_the_way_of_pages(acme, path):
    assert "Content-Security-Policy" in Client().get(path).headers


def test_transport_security_is_said_where_the_transport_is_secure(okta, settings):
    settings.SECURE_HSTS_SECONDS = 3600
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    headers = {"Authorization": f"Bearer {okta.secret}"}
    said = Client().get("/scim/v2/Users", headers=headers, secure=True).headers
    assert said["Strict-Transport-Security"] == "max-age=3600; includeSubDomains"
    assert "Strict-Transport-Security" not in Client().get("/scim/v2/Users", headers=headers).headers
    settings.SECURE_HSTS_SECONDS = 0
    said = Client().get("/scim/v2/Users", headers=headers, secure=True).headers
    assert "Strict-Transport-Security" not in said


def test_where_everybody_is_sent_to_https_so_is_scim(okta, settings):
    settings.SECURE_SSL_REDIRECT = True
    headers = {"Authorization": f"Bearer {okta.secret}"}
    answer = Client().get("/scim/v2/Users", headers=headers)
    assert (answer.status_code, answer.headers["Location"]) == (301, "https://testserver/scim/v2/Users")
    assert Client().get("/scim/v2/Users", headers=headers, secure=True).status_code == 200


def test_a_name_that_is_not_ours_is_refused(okta):
    answer = Client().get(
        "/scim/v2/Users", headers={"Authorization": f"Bearer {okta.secret}", "Host": "elsewhere.example"}
    )
    assert answer.status_code == 400
