"""An organization with something of almost everything, its bundle, and what is in one."""

import io
import json
import zipfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from audit import sequencer
from identity import (
    bundles,
    grants,
    groups,
    invitations,
    members,
    pulls,
    resources,
    reviews,
    sessions,
    tenancy,
    tokens,
)
from identity.grants import GrantSpec
from identity.models import Bundle, BundleChunk
from identity.review_scope import Scope
from tasks.bundles import write
from tests.conftest import SETUP, join
from tests.saml.door import Browser, connect
from tests.scim.talk import Scim


@dataclass
class Secrets:
    """What must be in no bundle."""

    texts: list[str]


@pytest.fixture
def lived(acme, ada, jane, okta) -> Secrets:
    """Let acme have people who came every way, access, a leaver, credentials, a review, a connection and a directory that is read."""
    resources.register(acme, [{"kind": "portfolio", "id": "p1", "name": "First"}], actor=SETUP)
    grants.replace(jane, [GrantSpec("portfolio", "p1", "view")], actor=SETUP)
    groups.create(acme, display_name="Traders", members=[str(jane.pk)], actor=SETUP)
    _, cookie = sessions.start(jane, actor=SETUP)
    _, secret = tokens.issue(jane, scopes=["members.read"], name="laptop", actor=SETUP)
    members.set_password(ada, "correct horse battery", actor=SETUP)
    invitations.create(acme, "new@acme.example", actor=SETUP)
    gone = join(acme, "gone@acme.example")
    members.offboard(gone, actor=SETUP)
    Browser(connect(acme)).begin()
    mapping = {"external_id": "No", "user_name": "Login"}
    pulls.create(acme, kind="csv", name="HR", settings={"mapping": mapping}, actor=SETUP)
    user = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "pushed@acme.example",
        "externalId": "00u1",
    }
    made = Scim(okta).post("/Users", user)
    assert made.status == 201, made
    reviews.open_(
        acme, name="Spring", scope=Scope(), reviewers=[ada.pk], due_at=timezone.now() + timedelta(days=9), rule="keep", actor=SETUP,
    )  # fmt: skip
    sequencer.run()
    return Secrets([cookie, secret, okta.secret, "correct horse battery", "PRIVATE KEY", "pbkdf2", "argon2"])


def written(organization, actor=SETUP) -> Bundle:
    """Have a bundle written by a worker's own code, and give it as it then is."""
    bundle = bundles.ask(organization, actor=actor)
    write(str(organization.pk), str(bundle.pk))
    return fresh(bundle)


def fresh(bundle) -> Bundle:
    with tenancy.of(bundle.organization_id):
        return Bundle.objects.select_related("organization").get(pk=bundle.pk)


def pieces(bundle) -> int:
    with tenancy.of(bundle.organization_id):
        return BundleChunk.objects.filter(bundle=bundle).count()


def archive(bundle) -> bytes:
    """Download it."""
    return b"".join(bundles.download(bundle, actor=SETUP))


def on_disk(bundle, folder: Path) -> Path:
    path = folder / "bundle.zip"
    path.write_bytes(archive(bundle))
    return path


def contents(content: bytes) -> dict[str, Any]:
    """Give the manifest, and the rows of each file."""
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        return {
            name: json.loads(opened.read(name))
            if name == "manifest.json"
            else [json.loads(line) for line in opened.read(name).splitlines()]
            for name in opened.namelist()
        }
