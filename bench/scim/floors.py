"""The floor of the database: pgbench doing what a request reads or writes, as one prepared statement each, past Python altogether.

It asks as the superuser: no tenant, no token, no guard.
"""

import re
import subprocess
import tempfile
from shutil import which
from urllib.parse import urlsplit

import psycopg
from client import Rate
from crowd import place_of

from config.embedded.postgres import BINARIES

_ENTRY = """
), entry AS (
  INSERT INTO audit_entry (id, organization_id, event, outcome, reason, source, actor_kind, actor_id, subject_kind, subject_id,
                           request_id, happened_at, commitment)
  SELECT uuidv7(), '{organization}', '{event}', 'success', '', 'scim', 'directory', '{directory}', 'member', id::text, id::text,
         now(), sha256(id::text::bytea) FROM subject RETURNING id
)
INSERT INTO audit_detail (entry_id, organization_id, salt, body)
SELECT id, '{organization}', sha256(id::text::bytea),
       '{{"actor": "bench", "subject": "somebody", "changes": {{}}, "data": {{}}}}' FROM entry;
"""
_CREATE = """
WITH subject AS (SELECT uuidv7() AS id), named AS (SELECT id, 'b' || id || '@bench.example' AS name FROM subject
), member AS (
  INSERT INTO identity_member (id, organization_id, password, user_name, user_name_key, email, email_key, display_name, profile, state,
                               state_reason, version, session_epoch, created_at, changed_at)
  SELECT id, '{organization}', '!', name, name, name, name, name,
         jsonb_build_object('name', jsonb_build_object('givenName', 'P', 'familyName', name), 'emails',
           jsonb_build_array(jsonb_build_object('value', name, 'type', 'work', 'primary', true))), 'active', '', 1, 0, now(), now()
    FROM named
), period AS (
  INSERT INTO identity_activeperiod (id, organization_id, member_id, started_at) SELECT uuidv7(), '{organization}', id, now() FROM named
), link AS (
  INSERT INTO identity_link (id, organization_id, directory_id, member_id, external_id, source_version, linked_at)
  SELECT uuidv7(), '{organization}', '{directory}', id, name, '', now() FROM named
), first AS (
  INSERT INTO identity_firstaccess (id, organization_id, member_id, stage, origin, applied_at)
  SELECT uuidv7(), '{organization}', id, 'defaults', 'organization_default', now() FROM named
""" + _ENTRY.replace("{event}", "member.create")  # noqa: S608 - filled with ids of our own
_SOMEBODY = """\\set offset random(0, {last})
WITH subject AS (
  SELECT member_id AS id FROM identity_link WHERE organization_id = '{organization}' AND directory_id = '{directory}'
     AND external_id = 'x' || :offset AND tombstoned_at IS NULL
)"""
_READ = """
SELECT m.id, m.user_name, m.profile, m.state, m.version, m.created_at, m.changed_at, l.external_id
  FROM identity_member m JOIN identity_link l ON l.organization_id = m.organization_id AND l.member_id = m.id
 WHERE m.organization_id = '{organization}' AND l.directory_id = '{directory}' AND l.tombstoned_at IS NULL AND m."""
_GET = _SOMEBODY + _READ + "id = (SELECT id FROM subject);\n"  # noqa: S608 - filled with ids of our own
_FILTER = (
    """\\set offset random(0, {last})""" + _READ + "user_name_key = 'p' || :offset || '@bench.example';\n"
)
_UPDATE = _SOMEBODY + ", member AS (UPDATE identity_member SET version = version + 1, changed_at = now(), "  # noqa: S608
_OF_SUBJECT = "WHERE id = (SELECT id FROM subject)"
_CHANGED = "profile = jsonb_set(profile, '{{name,familyName}}', to_jsonb(uuidv7()::text)) "
_PUT = _UPDATE + _CHANGED + _OF_SUBJECT + _ENTRY.replace("{event}", "member.change")
_SWITCHED = (
    "session_epoch = session_epoch + 1, state = CASE state WHEN 'active' THEN 'suspended' ELSE 'active' END "
)
_PATCH = _UPDATE + _SWITCHED + _OF_SUBJECT + _ENTRY.replace("{event}", "member.suspend")
_SCRIPTS = {"get": _GET, "filter": _FILTER, "create": _CREATE, "put": _PUT, "okta": _PATCH, "entra": _PATCH}
_RATE = re.compile(r"tps = ([\d.]+)")
_LATENCY = re.compile(r"latency average = ([\d.]+)")


def pgbench(
    connection: psycopg.Connection, url: str, seconds: float, only: list[str]
) -> dict[str, dict[int, Rate]]:
    """Return the rates of what `_SCRIPTS` do, by number of clients; changes with their entry in the record. Nothing without pgbench."""
    program = next((str(path) for path in (BINARIES / "pgbench",) if path.exists()), which("pgbench"))
    if program is None:
        return {}
    organization, directory = place_of(connection)
    row = connection.execute(
        "SELECT count(*) FROM identity_link WHERE directory_id = %s AND external_id LIKE 'x%%'", [directory]
    ).fetchone()
    last = (row[0] if row else 1) - 1
    found: dict[str, dict[int, Rate]] = {}
    for name, script in _SCRIPTS.items():
        if only and name not in only:
            continue
        text = script.format(organization=organization, directory=directory, last=last)
        for clients in (1, 16):
            output = _run(
                program, url, text.replace("\n", " ").replace("random(0, ", "random(0, "), clients, seconds
            )
            rate, latency = _RATE.search(output), _LATENCY.search(output)
            if rate and latency:
                found.setdefault(name, {})[clients] = Rate(
                    float(rate[1]), float(latency[1]), float(latency[1])
                )
    return found


def _run(program: str, url: str, script: str, clients: int, seconds: float) -> str:
    parts = urlsplit(url)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        # A command of pgbench's own ends with its line, and so does a statement's.
        file.write(re.sub(r"^(\\set .*?\))\s", r"\1\n", script))
        file.flush()
        # It knows no parts of a second: a hundred each then.
        how_long = ["-T", str(int(seconds))] if seconds >= 1 else ["-t", "100"]
        command = [
            program, "-n", "-M", "prepared", "-f", file.name, "-c", str(clients), "-j", "2", *how_long,
            "-h", str(parts.hostname), "-p", str(parts.port), "-U", str(parts.username), parts.path.lstrip("/"),
        ]  # fmt: skip
        done = subprocess.run(  # noqa: S603 - PostgreSQL's own program
            command, env={"PGPASSWORD": str(parts.password)}, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise SystemExit(f"pgbench: {done.stderr[-1000:]}")
    return done.stdout
