"""A bundle forgets no table, and tells no secret."""

import re

import pytest
from django.apps import apps
from django.db.models import BinaryField

from audit.models import Detail, Ending, Entry, Head, Position, Span, Unsequenced
from identity import bundle_contents
from identity.models import Member
from tests.bundles.conftest import archive, contents, written

# The record is a file of its own, made of these.
RECORD = {model._meta.db_table for model in (Entry, Detail, Position, Span, Head, Unsequenced, Ending)}
TENANT_TABLES = sorted(
    model._meta.db_table
    for model in apps.get_models()
    if any(field.column == "organization_id" for field in model._meta.local_fields)
)
FILES = {file.table: file for file in bundle_contents.files()}
# A name that sounds like a credential, and is written all the same: why.
HARMLESS = {
    ("identity_domain", "challenge"): "everybody can read it in the DNS",
    ("identity_resource", "key"): "what the product calls the resource",
    ("identity_receipt", "digest"): "of the receipt itself, as the record has it",
    ("identity_review", "digest"): "of the evidence, as the record has it",
    ("identity_run", "plan_hash"): "of the plan that is approved",
    ("identity_bundle", "record_hash"): "where the record ends in the bundle",
    ("identity_bundle", "sha256"): "of the bundle",
    ("identity_deletion", "record_hash"): "where the record ended",
    ("identity_deletion", "proof_sha256"): "of the proof",
    ("saml_connection", "tested_key"): "fingerprint of a certificate",
}


def test_every_tenant_table_is_in_a_bundle_or_left_out_with_a_reason():
    known = {*FILES, *bundle_contents.left_out(), *RECORD}
    assert [table for table in TENANT_TABLES if table not in known] == []
    assert set(FILES) & set(bundle_contents.left_out()) == set()


@pytest.mark.parametrize("table", sorted(FILES))
def test_no_column_of_bytes_or_with_the_name_of_a_credential_is_written(table):
    file = FILES[table]
    shown = [column for column in file.columns if column.name not in file.opened]
    assert [column.name for column in shown if isinstance(column, BinaryField)] == []
    suspicious = re.compile(r"secret|password|digest|hash|sealed|nonce|cookie|challenge|private|key|sha256")
    assert [
        column.name
        for column in shown
        if suspicious.search(column.name) and (table, column.name) not in HARMLESS
    ] == []


def test_what_is_withheld_is_a_column_and_is_named_in_the_manifest(acme, lived):
    manifest = contents(archive(written(acme)))["manifest.json"]
    for file in FILES.values():
        names = {field.name for field in file.model._meta.concrete_fields}
        assert set(file.without) <= names, file.name
        assert set(file.opened) <= names, file.name
        assert manifest["withheld"].get(file.path, []) == file.withheld
    assert manifest["left_out"] == bundle_contents.left_out()
    assert "password" in manifest["withheld"]["members.jsonl"]


def test_a_bundle_holds_what_the_organization_has_and_nothing_of_others(acme, globex, gus, lived):
    everything = contents(archive(written(acme)))
    assert {row["user_name"] for row in everything["members.jsonl"]} == {
        "ada@acme.example", "jane@acme.example", "gone@acme.example", "pushed@acme.example",
    }  # fmt: skip
    assert [row["external_id"] for row in everything["externals.jsonl"]] == ["00u1"]
    assert everything["organization.jsonl"][0]["slug"] == "acme"
    assert everything["scim_requests.jsonl"][0]["exchange"]["raw"].count("pushed@acme.example") == 1
    filled = {
        "connections", "directories", "grants", "groups", "invitations", "key_pairs", "memberships", "pulls", "receipts",
        "resources", "review_items", "reviews", "role_assignments", "roles", "sessions", "sign_ins", "tokens",
    }  # fmt: skip
    assert [name for name in sorted(filled) if not everything[f"{name}.jsonl"]] == []
    assert "globex" not in str(everything).lower()


def test_a_bundle_holds_no_secret(acme, lived, eraser):
    hashes = [row[0] for row in eraser.execute("SELECT password FROM identity_member WHERE password <> ''")]
    text = str(contents(archive(written(acme))))
    assert [hidden for hidden in [*lived.texts, *hashes] if hidden in text] == []
    assert Member._meta.get_field("password").name in FILES["identity_member"].withheld


def test_the_record_is_in_it_from_the_first_entry_to_the_last(acme, lived):
    bundle = written(acme)
    everything = contents(archive(bundle))
    record = everything["record.jsonl"]
    assert [row["seq"] for row in record] == list(range(1, len(record) + 1))
    assert (record[0]["event"], record[-1]["event"]) == ("organization.create", "bundle.ask")
    assert everything["manifest.json"]["record"] == {
        "seq": len(record), "hash": record[-1]["hash"], "waiting": 0,
    }  # fmt: skip
    assert (bundle.record_seq, bundle.record_hash) == (len(record), record[-1]["hash"])
