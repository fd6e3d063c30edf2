"""The request log: every call that can be attributed, with what was made of it, and no secret in the clear."""

import json

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from identity import directories, secrets, tenancy, tokens
from identity.models import Directory
from scim import exchange, throttle
from scim.models import LoggedRequest
from tests.conftest import SETUP
from tests.scim.talk import PATCH, Scim


def logged(organization):
    """Return the rows, oldest first, each with its exchange."""
    with tenancy.of(organization):
        rows = list(LoggedRequest.objects.order_by("id"))
    return [(row, exchange.unseal(organization.pk, row.pk, row.exchange)) for row in rows]


def test_an_answered_request_is_kept_in_full(acme, entra):
    scim = Scim(entra, **{"User-Agent": "Azure AD Provisioning"})
    jane = scim.create("jane", externalId="x1", title="CTO")
    patch = {
        "schemas": [PATCH],
        "Operations": [{"op": "Replace", "path": "active", "value": "False"}],
    }
    answer = scim.send(
        "PATCH", f"/Users/{jane['id']}?attributes=active", patch, **{"X-Request-ID": "okay-123"}
    )
    row, kept = logged(acme)[-1]
    assert (row.method, row.path, row.status, row.code) == ("PATCH", f"/Users/{jane['id']}", 200, "")
    assert (str(row.resource_id), row.client, row.request_id) == (jane["id"], "entra", "okay-123")
    assert row.token_id == tokens.find(entra.secret).token.pk
    assert row.duration_us > 0
    assert [warning["code"] for warning in row.warnings] == ["operation_case", "coerced"]
    assert json.loads(kept.raw) == patch
    assert kept.normalised == [{"operations": [{"kind": "set", "path": "active", "value": False}]}]
    assert (kept.query, kept.is_whole) == ("attributes=active", True)
    assert json.loads(kept.answer) == answer.body


def test_a_creation_names_the_resource_it_made(acme, okta):
    jane = Scim(okta).create("jane")
    row, kept = logged(acme)[0]
    assert (str(row.resource_id), row.status) == (jane["id"], 201)
    assert kept.normalised == [{"attributes": {"userName": "jane"}}]


def test_reads_and_group_changes_are_kept_as_well(acme, okta):
    scim = Scim(okta)
    jane = scim.create("jane")
    scim.create_group("Staff", jane["id"])
    scim.get('/Users?filter=userName eq "jane"')
    (_, _), (_, group), (read, kept) = logged(acme)
    assert group.normalised == [{"attributes": {"displayName": "Staff"}, "members": [jane["id"]]}]
    assert (read.method, read.path) == ("GET", "/Users")
    assert kept.query.startswith("filter=userName")


REFUSED = {
    "conflict": (lambda scim: scim.post("/Users", {"userName": "jane"}), 409, "user_name_taken"),
    "not JSON": (lambda scim: scim.post("/Users", b'{"userName"'), 400, "body_not_json"),
    "nobody": (lambda scim: scim.get("/Users/01a95e56-f0f9-7617-9fa9-f4e57e87469c"), 404, "not_found"),
    "method": (lambda scim: scim.put("/Users", {}), 405, "method"),
    "nowhere": (lambda scim: scim.get("/Nothing"), 404, "no_endpoint"),
    "media type": (
        lambda scim: scim.post("/Users", b"a=b", **{"Content-Type": "text/plain"}),
        415,
        "media_type",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_request_is_kept_with_its_code(acme, okta, case):
    send, status, code = REFUSED[case]
    scim = Scim(okta)
    scim.create("jane")
    assert send(scim).status == status
    row, kept = logged(acme)[-1]
    assert (row.status, row.code) == (status, code)
    assert json.loads(kept.answer)["status"] == str(status)


def test_a_dead_token_is_kept_a_few_times_under_its_directory(acme, okta):
    tokens.revoke(tokens.find(okta.secret).token, actor=SETUP)
    for _ in range(throttle.NOTES_MAX + 5):
        Scim(okta).post("/Users", {"userName": "jane"})
    rows = logged(acme)
    assert len(rows) == throttle.NOTES_MAX
    row, kept = rows[0]
    assert (row.directory_id, row.status, row.code) == (okta.directory.pk, 401, "token_revoked")
    assert json.loads(kept.raw) == {"userName": "jane"}


def test_a_flood_beyond_the_rate_limit_is_kept_a_few_times(acme, okta):
    limit = {"rate_limit": {"requests": 1, "seconds": 3600}}
    directories.change(okta.directory, settings=limit, actor=SETUP)
    for _ in range(throttle.NOTES_MAX + 5):
        Scim(okta).get("/Users")
    assert [row.status for row, _ in logged(acme)] == [200] + [429] * throttle.NOTES_MAX


def test_an_unknown_token_leaves_nothing(acme, okta):
    assert Scim(okta.secret[:-4] + "AAAA").get("/Users").status == 401
    assert logged(acme) == []


def test_a_crash_is_kept_and_still_crashes(acme, okta, monkeypatch):
    def broken(*_args, **_named):
        raise ZeroDivisionError

    monkeypatch.setattr("scim.users.listed", broken)
    with pytest.raises(ZeroDivisionError):
        Scim(okta).get("/Users")
    row, _ = logged(acme)[0]
    assert (row.status, row.code) == (500, "crashed")


def test_what_is_answered_by_503_is_kept_as_that(acme, okta, monkeypatch):
    def away(*_args, **_named):
        raise OperationalError("the database system is starting up")

    monkeypatch.setattr("scim.users.listed", away)
    scim = Scim(okta)
    scim.client.raise_request_exception = False
    assert scim.get("/Users").status == 503
    row, _ = logged(acme)[0]
    assert (row.status, row.code) == (503, "unavailable")


def test_passwords_reach_neither_table_nor_seal(acme, okta, eraser):
    scim = Scim(okta)
    jane = scim.create("jane", password="hunter2hunter2", title="CTO")
    scim.patch(f"/Users/{jane['id']}", {"op": "replace", "path": "password", "value": "hunter2hunter2"})
    escaped = rb'{"Operations":[{"op":"replace","value":{"p\u0061ssword":"hunter2hunter2"}}]}'
    scim.send("PATCH", f"/Users/{jane['id']}", escaped)
    scim.post("/Users", b'{"userName":"x","password":"hunter2hunter2"')
    scim.get('/Users?filter=password eq "hunter2hunter2"')
    for _, kept in logged(acme):
        assert "hunter2" not in f"{kept.raw} {kept.query} {kept.normalised} {kept.answer}"
    assert json.loads(logged(acme)[0][1].raw) == {"userName": "jane", "password": "***", "title": "CTO"}
    assert logged(acme)[3][1].is_whole is False


def test_what_was_sent_is_not_readable_in_the_database(acme, okta, eraser):
    Scim(okta).create("jane", title="Very Private Title")
    dump = bytes(eraser.execute("SELECT exchange FROM scim_loggedrequest").fetchone()[0])
    assert b"Very Private" not in dump
    assert b"userName" not in dump


def test_an_exchange_opens_for_its_own_organization_and_row_alone(acme, globex, okta):
    Scim(okta).create("jane")
    row, _ = logged(acme)[0]
    with pytest.raises(secrets.UnsealError):
        exchange.unseal(globex.pk, row.pk, row.exchange)
    with pytest.raises(secrets.UnsealError):
        exchange.unseal(acme.pk, okta.directory.pk, row.exchange)
    with tenancy.of(globex):
        assert not LoggedRequest.objects.exists()


def test_a_large_body_is_kept_in_part(acme, okta):
    Scim(okta).post("/Users", {"userName": "jane", "x": "y" * exchange.RAW_BYTES_MAX})
    _, kept = logged(acme)[0]
    assert (len(kept.raw), kept.is_whole) == (exchange.RAW_BYTES_MAX, False)
    assert kept.raw_bytes > exchange.RAW_BYTES_MAX


def test_zero_days_keep_nothing(acme, okta):
    directories.change(okta.directory, settings={"request_log_days": 0}, actor=SETUP)
    Scim(okta).create("jane")
    assert logged(acme) == []


def test_keeping_a_request_costs_one_statement(acme, okta):
    scim = Scim(okta)
    scim.get("/Users?count=0")  # from now on the sealing key is known and the token's use is noted
    directories.change(okta.directory, settings={"request_log_days": 0}, actor=SETUP)
    with CaptureQueriesContext(connection) as without:
        scim.get("/Users?count=0")
    directories.change(okta.directory, settings={}, actor=SETUP)
    with CaptureQueriesContext(connection) as with_it:
        scim.get("/Users?count=0")
    more = [query["sql"] for query in with_it.captured_queries[len(without) :]]
    assert [sql.split()[0] for sql in more] == ["INSERT"]


def test_what_is_kept_sets_nothing_for_whoever_uses_the_connection_next(acme, okta):
    Scim(okta).get("/Users")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('rollcall.organization', true),"
            " (SELECT setting = reset_val FROM pg_settings WHERE name = 'synchronous_commit')"
        )
        tenant, is_reset = cursor.fetchone()
    assert (tenant or "", is_reset) == ("", True)
    assert LoggedRequest.objects.count() == 0


def test_a_directory_remembers_when_it_was_last_heard_of(acme, okta):
    Scim(okta).get("/Users")
    with tenancy.of(acme):
        assert Directory.objects.get(pk=okta.directory.pk).last_heard_at
