"""What a version stands for: the person's own attributes, and what others change about them."""

from identity import directories, roles, tenancy
from identity.models import Member
from scim.schemas import ACCESS_USER
from tests.conftest import SETUP


def tag(idp, path):
    answer = idp.get(path)
    assert answer.headers["ETag"] == answer.body["meta"]["version"]
    return answer.headers["ETag"]


def unchanged(idp, path, known):
    answer = idp.get(path, **{"If-None-Match": known})
    if answer.status == 304:
        # A cache would take the type of an empty page for that of what it keeps (RFC 9111 §3.2).
        assert (answer.body, answer.headers.get("Content-Type"), answer.headers["ETag"]) == (
            None,
            None,
            known,
        )
    return answer.status == 304


def test_whoever_is_in_no_group_has_a_plain_version(idp):
    assert tag(idp, f"/Users/{idp.create('mei@example.org')['id']}") == 'W/"1"'


def test_a_persons_tag_changes_with_their_groups_and_nothing_is_written_to_them(acme, idp):
    person = idp.create("mei@example.org")["id"]
    path = f"/Users/{person}"
    seen = [tag(idp, path)]
    group = idp.create_group("Team", person)["id"]
    seen.append(tag(idp, path))
    idp.patch(f"/Groups/{group}", {"op": "replace", "path": "displayName", "value": "Crew"})
    seen.append(tag(idp, path))
    outer = idp.create_group("Outer", group)["id"]
    seen.append(tag(idp, path))
    idp.patch(f"/Groups/{group}", {"op": "remove", "path": "members"})
    seen.append(tag(idp, path))
    assert len(set(seen[:4])) == 4
    assert seen[4] == seen[0]
    assert [unchanged(idp, path, known) for known in seen] == [True, False, False, False, True]
    with tenancy.of(acme):
        assert Member.objects.get(pk=person).version == 1
    assert idp.get(f"/Groups/{outer}").status == 200


def test_if_match_asks_for_what_a_client_can_write(idp):
    person = idp.create("mei@example.org")["id"]
    path = f"/Users/{person}"
    before = tag(idp, path)
    idp.create_group("Team", person)
    change = {"op": "replace", "path": "title", "value": "CEO"}
    answer = idp.patch(path, change, **{"If-Match": before})
    assert answer.status == 200, "a group that came meanwhile is nobody's lost update"
    assert answer.headers["ETag"].startswith('W/"2.')
    assert idp.patch(path, change, **{"If-Match": before}).status == 412
    assert idp.patch(path, change, **{"If-Match": answer.headers["ETag"]}).status == 200
    assert idp.patch(path, change, **{"If-Match": 'W/"22.1"'}).status == 412


def test_a_proxy_that_compresses_may_mark_our_versions(idp):
    """Apache writes the tag of a compressed answer as W/"1-gzip", and gives it on as the client sends it."""
    path = f"/Users/{idp.create('mei@example.org')['id']}"
    for marked in ('W/"1-gzip"', 'W/"1-br"'):
        assert idp.get(path, **{"If-None-Match": marked}).status == 304
    assert idp.get(path, **{"If-None-Match": 'W/"2-gzip"'}).status == 200
    change = {"op": "replace", "path": "title", "value": "CEO"}
    assert idp.patch(path, change, **{"If-Match": 'W/"2-gzip"'}).status == 412
    assert idp.patch(path, change, **{"If-Match": 'W/"1-unknown"'}).status == 412
    assert idp.patch(path, change, **{"If-Match": 'W/"1-gzip"'}).status == 200


def test_if_none_match_refuses_to_write_over_what_is_there(idp):
    person, group = idp.create("mei@example.org"), idp.create_group("Ops")
    for path, body in (
        (f"/Users/{person['id']}", {"userName": "new"}),
        (f"/Groups/{group['id']}", {"displayName": "New"}),
    ):
        known = idp.get(path).headers["ETag"]
        for header in ("*", known):
            assert idp.put(path, body, **{"If-None-Match": header}).status == 412
            assert idp.delete(path, **{"If-None-Match": header}).status == 412
        assert idp.get(path).headers["ETag"] == known
        assert idp.put(path, body, **{"If-None-Match": 'W/"99"'}).status == 200


def test_without_groups_shown_groups_do_not_count(idp):
    person = idp.create("mei@example.org")["id"]
    path = f"/Users/{person}?attributes=userName"
    before = idp.get(path).headers["ETag"]
    idp.create_group("Team", person)
    assert unchanged(idp, path, before)
    assert not unchanged(idp, f"/Users/{person}", before)


def test_of_a_directory_that_assigns_what_is_held_counts(acme, okta, idp):
    directories.change(okta.directory, settings={"access_follows": True}, actor=SETUP)
    person = idp.create("mei@example.org")["id"]
    before = tag(idp, f"/Users/{person}")
    with tenancy.of(acme):
        member = Member.objects.get(pk=person)
    roles.replace(member, ["auditor"], actor=SETUP)
    assert not unchanged(idp, f"/Users/{person}", before)


def test_what_the_access_extension_shows_counts_where_it_is_asked_for(acme, idp):
    person = idp.create("mei@example.org")["id"]
    path = f"/Users/{person}?attributes={ACCESS_USER.id}"
    before, plain = idp.get(path).headers["ETag"], tag(idp, f"/Users/{person}")
    with tenancy.of(acme):
        member = Member.objects.get(pk=person)
    roles.replace(member, ["auditor"], actor=SETUP)
    after = idp.get(path, **{"If-None-Match": before})
    assert (after.status, after.body[ACCESS_USER.id]["roles"][0]["value"]) == (200, "auditor")
    assert unchanged(idp, path, after.headers["ETag"])
    assert unchanged(idp, f"/Users/{person}", plain)
    assert (
        idp.put(f"/Users/{person}", {"userName": "mei"}, **{"If-Match": after.headers["ETag"]}).status == 200
    )


def test_names_of_members_count_where_they_are_shown(idp):
    person, inner = idp.create("mei@example.org", displayName="Mei")["id"], idp.create_group("Inner")["id"]
    outer = f"/Groups/{idp.create_group('Outer', person, inner)['id']}"
    named, plain = f"{outer}?attributes=members.display", tag(idp, outer)
    for path, field in ((f"/Users/{person}", "displayName"), (f"/Groups/{inner}", "displayName")):
        before = idp.get(named).headers["ETag"]
        assert unchanged(idp, named, before)
        idp.patch(path, {"op": "replace", "path": field, "value": "Renamed"})
        assert not unchanged(idp, named, before)
        assert unchanged(idp, outer, plain)


def test_a_listed_person_carries_the_same_version(idp):
    person = idp.create("mei@example.org")["id"]
    idp.create_group("Team", person)
    assert idp.get("/Users").body["Resources"][0]["meta"]["version"] == tag(idp, f"/Users/{person}")
