"""One name in two spellings, `userName` and `USERNAME`: two readers would not agree on what was asked, so nothing of it is done."""


def test_a_name_in_two_spellings_is_refused(idp):
    urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    for twice in (
        {"USERNAME": "b"},
        {"name": {"givenName": "a", "GivenName": "b"}},
        {"emails": [{"value": "a@x", "Value": "b@x"}]},
        {urn: {"department": "a", "Department": "b"}},
        {urn: {"department": "a"}, urn.upper(): {"department": "b"}},
    ):
        answer = idp.post("/Users", {"userName": "a", **twice})
        assert (answer.status, answer.code) == (400, "named_twice"), twice
    assert idp.post("/Groups", {"displayName": "a", "members": [], "Members": []}).code == "named_twice"
    assert idp.get("/Users").body["totalResults"] == 0


def test_a_message_with_a_name_in_two_spellings_is_refused_and_half_of_it_never_done(idp):
    made = f"/Users/{idp.create('a', title='T', nickName='N')['id']}"
    remove = [{"op": "remove", "path": "title"}]
    for body in (
        {"Operations": remove, "operations": [{"op": "remove", "path": "nickName"}]},
        {"Operations": [{**remove[0], "PATH": "nickName"}]},
        {"Operations": [{"op": "replace", "value": {"title": "a", "TITLE": "b"}}]},
        {"Operations": [{"op": "replace", "path": "name", "value": {"givenName": "a", "GIVENNAME": "b"}}]},
    ):
        answer = idp.send("PATCH", made, body)
        assert (answer.status, answer.code) == (400, "named_twice"), body
        operation = {"method": "PATCH", "path": made, "data": body}
        results = idp.post("/Bulk", {"Operations": [operation]}).body["Operations"]
        assert "[named_twice]" in results[0]["response"]["detail"]
    asked = {"filter": 'userName eq "nobody"', "Filter": "userName pr"}
    assert idp.post("/Users/.search", asked).code == "named_twice"
    assert idp.post("/.search", asked).code == "named_twice"
    deletion = {"method": "DELETE", "path": made}
    assert idp.post("/Bulk", {"Operations": [deletion], "operations": [deletion]}).code == "named_twice"
    results = idp.post("/Bulk", {"Operations": [{**deletion, "PATH": "/Users/x"}]}).body["Operations"]
    assert "[named_twice]" in results[0]["response"]["detail"]
    assert idp.get(made).body["meta"]["version"] == 'W/"1"'
