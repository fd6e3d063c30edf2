"""HEAD of a file answers what GET would, and leaves no entry: nothing has left."""

import pytest

from identity import bundles
from tests.api.client import recorded, token_of
from tests.bundles.conftest import written
from tests.conftest import SETUP
from tests.console.conftest import visit

FILES = ("/entries.csv", "/entries.jsonl", "/sign-ins.csv", "/sign-ins.jsonl")
PAGES = ("/record.csv", "/record.jsonl", "/sign-ins.csv", "/sign-ins.jsonl")
DOWNLOADS = (
    "record.download",
    "record.download_finish",
    "sign_in.download",
    "sign_in.download_finish",
    "bundle.download",
)


def heads_of(client, path, **headers):
    """Give the status and the headers of HEAD and of GET, which is read to its end."""
    head, got = client.head(path, headers=headers), client.get(path, headers=headers)
    assert b"".join(head.streaming_content) == b""
    # To its end, which is on record.
    list(got.streaming_content)
    names = ("Content-Type", "Content-Disposition", "Content-Length", "Cache-Control", "Vary")
    return [(answer.status_code, {name: answer.get(name) for name in names}) for answer in (head, got)]


@pytest.fixture
def api(ada):
    return token_of(ada)


@pytest.mark.parametrize("path", FILES)
def test_head_of_a_file_of_the_api_is_no_download(acme, api, path):
    assert api.client.head(f"/api/v1/organizations/acme{path}", headers=api.headers).status_code == 200
    assert recorded(acme, *DOWNLOADS) == []
    head, got = heads_of(api.client, f"/api/v1/organizations/acme{path}", **api.headers)
    assert head == got
    assert len(recorded(acme, *DOWNLOADS)) == 2


@pytest.mark.parametrize("path", PAGES)
def test_head_of_a_file_of_the_console_is_no_download(acme, ada, path):
    client = visit(ada)
    assert client.head(f"/o/acme{path}").status_code == 200
    assert recorded(acme, *DOWNLOADS) == []
    head, got = heads_of(client, f"/o/acme{path}")
    assert head == got


def test_head_of_an_export_is_no_download(acme, ada, api):
    bundle = written(acme)
    client = visit(ada)
    asked = (
        (api.client, f"/api/v1/organizations/acme/bundles/{bundle.pk}/file", api.headers),
        (client, f"/o/acme/export/{bundle.pk}.zip", {}),
    )
    for caller, path, headers in asked:
        assert caller.head(path, headers=headers).status_code == 200
    assert recorded(acme, *DOWNLOADS) == []
    for caller, path, headers in asked:
        head, got = heads_of(caller, path, **headers)
        assert head == got
    assert len(recorded(acme, *DOWNLOADS)) == 2


def test_head_is_refused_where_get_is(acme, ada, api):
    bundle = bundles.ask(acme, actor=SETUP)
    path = f"/api/v1/organizations/acme/bundles/{bundle.pk}/file"
    refused = [getattr(api.client, method)(path, headers=api.headers) for method in ("head", "get")]
    assert [answer.status_code for answer in refused] == [404, 404]
    viewer = token_of(ada, "members.read")
    assert (
        viewer.client.head("/api/v1/organizations/acme/entries.csv", headers=viewer.headers).status_code
        == 403
    )
