"""Liveness, readiness and metrics say what is true."""

import base64

import pytest
import redis
from django.db import connection, connections

from config.embedded import valkey
from config.embedded.state import load_secrets
from identity import secrets
from identity.errors import UserNameTaken
from tasks import broker
from tests.conftest import join
from tests.ports import free_port

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def no_broker(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"


def test_everything_is_ready(client):
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {
        "ready": True,
        "checks": {"database": "ok", "migrations": "ok", "keys": "ok", "sequencer": "ok", "broker": "ok"},
    }


def test_a_dead_broker_is_not_ready(client, no_broker):
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["broker"] == "unreachable"


@pytest.fixture
def own_broker(settings, tmp_path):
    """Give a client of a Valkey of the test's own, which is the broker."""
    secrets, port = load_secrets(tmp_path), free_port()
    valkey.start(tmp_path, port, secrets, tied=True)
    settings.REDIS_URL = valkey.url(port, secrets)
    with redis.Redis.from_url(settings.REDIS_URL) as own:
        yield own
    valkey.stop(tmp_path)


@pytest.mark.parametrize("command", ["CONFIG SET maxmemory 1", "REPLICAOF 127.0.0.1 1"])
def test_a_broker_that_answers_and_takes_nothing_is_not_ready(client, own_broker, command):
    """It was full, or a replica: no job was done, and all probes said that it was well."""
    assert client.get("/readyz").json()["checks"]["broker"] == "ok"
    own_broker.execute_command(*command.split())
    response = client.get("/readyz")
    assert (response.status_code, response.json()["checks"]["broker"]) == (503, "takes no changes")
    told = client.get("/metrics").content
    assert b'rollcall_reachable{server="broker"} 0.0' in told
    assert b'rollcall_queue_length{queue="rollcall"} 0.0' in told


def test_a_database_that_takes_no_changes_is_not_ready_and_looked_for_anew(client):
    """A standby, or one whose disk is full: people could not sign in, and all probes said that it was well."""
    for path in ("/readyz", "/metrics"):
        connection.cursor().execute("SET default_transaction_read_only = on")
        response = client.get(path)
        if path == "/metrics":
            assert b'rollcall_reachable{server="database"} 0.0' in response.content
        else:
            checks = {
                "database": "takes no changes",
                "migrations": "ok",
                "keys": "ok",
                "sequencer": "ok",
                "broker": "ok",
            }
            assert (response.status_code, response.json()["checks"]) == (503, checks)
        assert client.get("/readyz").status_code == 200  # on another connection


def test_a_dead_database_is_not_ready_but_alive(client):
    connections["default"].close()
    settings = connections["default"].settings_dict
    port, settings["PORT"] = settings["PORT"], 1
    try:
        response = client.get("/readyz")
        assert client.get("/healthz").status_code == 200
    finally:
        settings["PORT"] = port
    assert response.status_code == 503
    assert response.json()["checks"]["database"] == "unreachable"


def test_keys_that_do_not_open_are_not_ready(client, acme, settings):
    """With a master key that was lost on the way nobody signed in, and all probes said that it was well."""
    secrets.seal(acme.pk, "here", b"something")
    settings.ROLLCALL_MASTER_KEY = base64.b64encode(b"n" * 32).decode()
    settings.ROLLCALL_MASTER_KEYS_OLD = []
    response = client.get("/readyz")
    assert (response.status_code, response.json()["checks"]["keys"]) == (
        503,
        "1 organizations' keys do not open",
    )


def test_a_waiting_migration_is_not_ready(client, eraser):
    eraser.execute(
        "UPDATE django_migrations SET name = name || '-not' WHERE app = 'audit' AND name LIKE '0001%'"
    )
    try:
        response = client.get("/readyz")
    finally:
        eraser.execute("UPDATE django_migrations SET name = left(name, -4) WHERE name LIKE '%-not'")
    assert response.status_code == 503
    assert response.json()["checks"]["migrations"] == "1 waiting"


def test_an_old_entry_without_its_place_is_not_ready(client, acme, eraser):
    eraser.execute("SET session_replication_role = replica")
    eraser.execute("UPDATE audit_unsequenced SET recorded_at = now() - interval '5 minutes'")
    eraser.execute("RESET session_replication_role")
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["sequencer"].endswith("seconds behind")


def test_probes_answer_under_any_name(client):
    assert client.get("/healthz", headers={"host": "10.1.2.3"}).status_code == 200
    assert client.post("/healthz").status_code == 405


def test_metrics_count_requests_by_door_and_route(client):
    assert client.get("/scim/v3/nowhere").status_code == 404
    response = client.get("/metrics")
    text = response.content.decode()
    assert response.status_code == 200
    assert 'rollcall_requests_total{protocol="scim",route="unknown",status="4xx"}' in text
    assert "rollcall_sequencer_lag_seconds 0.0" in text
    assert "rollcall_queue_length" in text


def test_metrics_count_what_the_record_says(client, acme):
    def counted() -> float:
        name = 'rollcall_outcomes_total{event="member.create",outcome="success",protocol="system"} '
        lines = client.get("/metrics").content.decode().splitlines()
        return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))

    before = counted()
    join(acme, "bob@acme.example")
    with pytest.raises(UserNameTaken):
        join(acme, "bob@acme.example")
    assert counted() == before + 1


def test_metrics_survive_a_dead_broker(client, no_broker):
    assert b"rollcall_queue_length" not in client.get("/metrics").content


def test_metrics_are_for_the_allowed(client, settings):
    outside = {"REMOTE_ADDR": "203.0.113.9"}
    assert client.get("/metrics", **outside).status_code == 404
    assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 404
    settings.ROLLCALL_METRICS_TOKEN = "t" * 16
    assert (
        client.get("/metrics", **outside, headers={"Authorization": "Bearer " + "t" * 16}).status_code == 200
    )
    assert client.get("/metrics", **outside, headers={"Authorization": "Bearer wrong"}).status_code == 404


def test_a_client_of_a_dead_broker_gives_up_at_once():
    with pytest.raises(broker.redis.RedisError):
        broker.client("redis://127.0.0.1:1/0").ping()
