"""Plays an Okta org towards the server: what an administrator does there, as the requests that Okta then sends.

Shapes and order are those of Okta's SCIM 2.0 protocol reference: look the person up by userName, create or take over, then PUT for
profiles. The catalogue's applications switch people off and on by PATCH, those of the App Integration Wizard by PUT.
"""

from typing import Any

import httpx2

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
HEADERS = {
    "Accept": "application/scim+json",
    "Accept-Charset": "utf-8",
    "Content-Type": "application/scim+json; charset=utf-8",
    "User-Agent": "OKTA SCIM Integration",
}


class OktaOrg:
    """One application of one org. `profile` is the person of the suite; each act asserts that the server took what it was sent."""

    def __init__(self, http: httpx2.Client, flavour: str, email: str) -> None:
        self.http = http
        self.flavour = flavour
        self.profile: dict[str, Any] = {
            "email": email, "given": "Riley", "family": "Okafor", "title": "Engineer", "phone": "415-555-0199",
        }  # fmt: skip
        self.assigned: dict[str, Any] = {}
        self.remote_id = ""

    def send(self, method: str, path: str, body: dict[str, Any] | None = None, expected: int = 200) -> Any:
        """Send one request as Okta does and return the body of the answer."""
        answer = self.http.request(method, path, json=body, headers=HEADERS)
        assert answer.status_code == expected, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def user(self, *, active: bool = True) -> dict[str, Any]:
        """Return the person as Okta writes them."""
        person = self.profile
        return {
            "schemas": [USER],
            "userName": person["email"],
            "name": {"givenName": person["given"], "familyName": person["family"]},
            "emails": [{"primary": True, "value": person["email"], "type": "work"}],
            "title": person["title"],
            "phoneNumbers": [{"value": person["phone"], "type": "work"}],
            "displayName": f"{person['given']} {person['family']}",
            "locale": "en-US",
            "externalId": "00uqj4t7vgRileyOkafor",
            "groups": [],
            "active": active,
            **self.assigned,
        }

    def assign(self) -> None:
        """Assign the person to the application: look them up, then create them or bring those who are there up to date."""
        query = f'/Users?filter=userName eq "{self.profile["email"]}"&startIndex=1&count=100'
        found = self.send("GET", query)
        if found["totalResults"] == 0:
            body = self.user() | {"password": "n0t-kept-Here"}
            self.remote_id = self.send("POST", "/Users", body, 201)["id"]
            return
        self.remote_id = found["Resources"][0]["id"]
        if self.flavour == "catalogue":
            self.switch(active=True)
        self.put(active=True)

    def put(self, *, active: bool) -> None:
        """Send the whole profile: read, lay one's own values over what was read, write."""
        before = self.send("GET", f"/Users/{self.remote_id}")
        after = self.send("PUT", f"/Users/{self.remote_id}", before | self.user(active=active))
        assert after["id"] == self.remote_id

    def switch(self, *, active: bool) -> None:
        """Activate or deactivate, in the way of this kind of application."""
        if self.flavour == "wizard":
            self.put(active=active)
            return
        operation = {"op": "replace", "value": {"active": active}}
        body = {"schemas": [PATCH], "Operations": [operation]}
        self.send("PATCH", f"/Users/{self.remote_id}", body)
