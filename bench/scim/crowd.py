"""Brings very many people in at once, past the verbs, by SQL of the superuser: what a year of provisioning would leave."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from uuid import UUID

import psycopg
from acts import Person, Scene
from client import Peer

PEERS_LEAST = 1000
# Everybody is as the person of this number; it stands nowhere else in them.
_LIKE = 8_765_432
PEOPLE_ID = "SELECT member_id::text FROM identity_link WHERE directory_id = %s AND external_id LIKE 'x%%' ORDER BY member_id"

# uuidv7() grows from row to row, so ids are in the order of creation, as the product makes them.
_PEOPLE = """
CREATE TEMPORARY TABLE crowd AS
SELECT n, uuidv7() AS id, uuidv7() AS entry, 'p' || n || '@bench.example' AS name, sha256(n::text::bytea) AS salt
  FROM generate_series({first}, {last}) AS n ORDER BY n;
INSERT INTO identity_member (id, organization_id, password, user_name, user_name_key, email, email_key, display_name, profile, state,
                             state_reason, version, session_epoch, created_at, changed_at)
SELECT id, '{organization}', '!', name, name, name, name, replace({display_name}, '{like}', n::text),
       replace({profile}, '{like}', n::text)::jsonb,
       'active', '', 1, 0, now(), now() FROM crowd ORDER BY n;
INSERT INTO identity_memberkey (organization_id, kind, key, member_id) SELECT '{organization}', 'emails', name, id FROM crowd ORDER BY n;
INSERT INTO identity_activeperiod (id, organization_id, member_id, started_at)
SELECT uuidv7(), '{organization}', id, now() FROM crowd ORDER BY n;
INSERT INTO identity_link (id, organization_id, directory_id, member_id, external_id, source_version, linked_at)
SELECT uuidv7(), '{organization}', '{directory}', id, 'x' || n, '', now() FROM crowd ORDER BY n;
INSERT INTO identity_firstaccess (id, organization_id, member_id, stage, origin, applied_at)
SELECT uuidv7(), '{organization}', id, 'defaults', 'organization_default', now() FROM crowd ORDER BY n;
INSERT INTO audit_entry (id, organization_id, event, outcome, reason, source, actor_kind, actor_id, subject_kind, subject_id,
                         request_id, happened_at, commitment)
SELECT entry, '{organization}', 'member.create', 'success', '', 'scim', 'directory', '{directory}', 'member', id::text, entry::text,
       now(), salt
  FROM crowd ORDER BY n;
INSERT INTO audit_detail (entry_id, organization_id, salt, body)
SELECT entry, '{organization}', salt, jsonb_build_object('actor', 'bench', 'subject', name, 'changes',
         jsonb_build_object('user_name', jsonb_build_array(NULL, name), 'state', jsonb_build_array(NULL, 'active')), 'data', '{{}}'::jsonb)
  FROM crowd ORDER BY n;
INSERT INTO audit_position (organization_id, seq, entry_id)
SELECT '{organization}', (SELECT COALESCE(max(seq), 0) FROM audit_position WHERE organization_id = '{organization}')
       + row_number() OVER (), entry FROM crowd;
INSERT INTO audit_head (organization_id, seq)
SELECT '{organization}', max(seq) FROM audit_position WHERE organization_id = '{organization}'
    ON CONFLICT (organization_id) DO UPDATE SET seq = excluded.seq;
INSERT INTO identity_directorysize (id, organization_id, directory_id, people, active)
SELECT uuidv7(), '{organization}', '{directory}', count(*), count(*) FROM crowd;
INSERT INTO identity_stretchstep (id, organization_id, directory_id, member_id, difference)
SELECT uuidv7(), '{organization}', '{directory}', id, 1 FROM crowd LIMIT 1;
SELECT identity_count_stretches('{organization}', '{directory}');
DROP TABLE crowd;
"""
_UNNUMBERED = """
SELECT EXISTS (SELECT FROM audit_entry entry WHERE organization_id = %s
                  AND NOT EXISTS (SELECT FROM audit_position WHERE entry_id = entry.id))"""
# Not those of the first page of the list: it is compared with one that has no such group.
_MEMBERS = """
INSERT INTO identity_membership (id, organization_id, group_id, member_id, started_at)
SELECT uuidv7(), organization_id, %s, member_id, now() FROM identity_link WHERE directory_id = %s AND external_id LIKE 'x%%'
 ORDER BY member_id OFFSET 2000 LIMIT %s"""


class Kept(NamedTuple):
    """How the product keeps a person of the number _LIKE."""

    display_name: str
    profile: str


def kept(connection: psycopg.Connection, peer: Peer, person: Person) -> Kept:
    """Have one person created by the door, and deleted again, and return how they were kept."""
    made = peer.asked("POST", "/Users", person(_LIKE) | {"externalId": "like"}, (201,))["id"]
    row = connection.execute(
        "SELECT display_name, profile::text FROM identity_member WHERE id = %s", [made]
    ).fetchone()
    peer.asked("DELETE", f"/Users/{made}", None, (204,))
    assert row is not None  # noqa: S101 - it was created
    return Kept(*row)


def bring_in(connection: psycopg.Connection, kept: Kept, people: int, first: int = 0) -> None:
    """Have that many people in the latest directory, with what the verbs and the triggers would leave of them."""
    organization, directory = place_of(connection)
    begun = time.monotonic()
    # The entries of the organization's own beginning get their numbers first, by the server.
    while connection.execute(_UNNUMBERED, [organization]).fetchone() != (False,):
        time.sleep(0.1)
    statements = _PEOPLE.format(
        first=first, last=first + people - 1, organization=organization, directory=directory,
        like=_LIKE, display_name=_quoted(kept.display_name), profile=_quoted(kept.profile),
    )  # fmt: skip
    with connection.transaction():
        connection.execute(
            "SET LOCAL session_replication_role = replica"
        )  # no triggers: they would look at each row
        connection.execute("SET LOCAL maintenance_work_mem = '512MB'")
        connection.execute("SET LOCAL synchronous_commit = off")
        connection.execute(statements)
    connection.execute("VACUUM ANALYZE")
    connection.execute("CHECKPOINT")
    print(f"{people:,} people came in {time.monotonic() - begun:.0f} s", flush=True)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def place_of(connection: psycopg.Connection) -> tuple[UUID, UUID]:
    """Return the latest organization and its directory."""
    row = connection.execute(
        "SELECT organization_id, id FROM identity_directory ORDER BY id DESC LIMIT 1"
    ).fetchone()
    if row is None:
        raise SystemExit("there is no directory")
    return row[0], row[1]


def scene(connection: psycopg.Connection, peer: Peer, person: Person, *, groups: int, many: int = 0) -> Scene:
    """Return what is measured of the product: its people, a group of a thousand, empty groups, and one of `many` if wanted."""
    _, directory = place_of(connection)
    ids = [row[0] for row in connection.execute(PEOPLE_ID, [directory])]
    thousand = _group(peer, "Thousand", ids[:1000])
    empty = [_group(peer, f"Empty {number}", []) for number in range(groups)]
    ten = _group(peer, "Ten", ids[1000:1010])
    if not many:
        return Scene(peer, person, ids, thousand, empty, ten)
    large = _group(peer, "Many", [])
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(_MEMBERS, [large, directory, many])
    connection.execute("ANALYZE identity_membership")
    return Scene(peer, person, ids, thousand, empty, ten, large)


def by_the_door(peer: Peer, person: Person, people: int, groups: int) -> Scene:
    """Bring people into a peer by its own POST, several at once, and return the same scene."""
    with ThreadPoolExecutor(4) as pool:
        ids = list(
            pool.map(
                lambda number: str(peer.asked("POST", "/Users", person(number), (201,))["id"]), range(people)
            )
        )
    thousand = _group(peer, "Thousand", ids[:1000])
    empty = [_group(peer, f"Empty {number}", []) for number in range(groups)]
    return Scene(peer, person, ids, thousand, empty, _group(peer, "Ten", ids[1000:1010]))


def _group(peer: Peer, name: str, members: list[str]) -> str:
    urn = "urn:ietf:params:scim:schemas:core:2.0:Group"
    made = peer.asked("POST", "/Groups", {"schemas": [urn], "displayName": name}, (201,))["id"]
    if members:
        operation = {"op": "add", "path": "members", "value": [{"value": each} for each in members]}
        body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]}
        peer.asked("PATCH", f"/Groups/{made}", body, (200, 204))
    return str(made)
