"""Directories that are read, in the console: set up by their kind's own form, tested, run, looked at, approved."""

import pytest

from identity import directories, directory_kinds, pulls, tenancy
from identity.models import Directory, Pull, Run
from tests.conftest import join
from tests.console.conftest import entries, visit
from tests.sync.conftest import ADA, script  # noqa: F401 - a fixture
from tests.sync.scripted import crowd, go_on, listing

MAPPING = "external_id = Key\nuser_name = Login\ngivenName = First"
CSV = b"Key,Login,First\n1,jane.doe,Jane\n2,john.doe,John\n"


@pytest.fixture
def staff(acme, ada):
    """Give acme's CSV directory as its administrator set it up."""
    answer = visit(ada).post(
        "/o/acme/directories/read/csv/",
        {
            "name": "Staff", "every_minutes": "60", "setting_mapping": MAPPING, "setting_encoding": "auto", "setting_delimiter": "auto",
            "setting_rows_min": "1", "setting_guard_members": "5", "setting_guard_percent": "10", "setting_storm_percent": "30",
            "setting_absent_runs": "2", "setting_when_held": "wait", "credential_sftp_password": "a secret",
        },
    )  # fmt: skip
    assert answer.status_code == 303, answer.context["form"].errors
    with tenancy.of(acme):
        return Pull.objects.select_related("directory").get()


def path(pull, rest=""):
    return f"/o/acme/directories/{pull.directory_id}/{rest}"


def run_of(pull):
    with tenancy.of(pull.organization_id):
        return Run.objects.order_by("-pk").first()


def test_every_kind_has_a_form_of_its_own(acme, ada):
    client = visit(ada)
    listed = client.get("/o/acme/directories/read/").content.decode()
    labels = {
        "csv": "Columns", "google": "Service account key", "graph": "Client secret", "ldap": "Bind DN", "okta": "API token",
        "scim_pull": "Bearer token",
    }  # fmt: skip
    assert labels.keys() == {kind.name for kind in directory_kinds.kinds()}
    for kind, label in labels.items():
        assert f"/o/acme/directories/read/{kind}/" in listed
        assert label in client.get(f"/o/acme/directories/read/{kind}/").content.decode(), kind
    assert client.get("/o/acme/directories/read/telepathy/").status_code == 404


def test_setting_one_up_keeps_what_was_typed_and_seals_the_credentials(staff, ada):
    assert staff.directory.settings["mapping"] == {
        "external_id": "Key",
        "user_name": "Login",
        "givenName": "First",
    }
    assert pulls.credentials_of(staff) == {"sftp_password": "a secret"}
    page = visit(ada).get(path(staff, "settings")).content.decode()
    assert "a secret" not in page
    assert "user_name = Login" in page


def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_kept(acme, ada):
    client = visit(ada)
    answer = client.post("/o/acme/directories/read/csv/", {"name": "", "setting_mapping": "no pair at all"})
    assert answer.status_code == 400
    assert {"name", "setting_mapping"} <= set(answer.context["form"].errors)
    answer = client.post(
        "/o/acme/directories/read/ldap/", {"name": "L", "every_minutes": "1", "setting_url": "nowhere"}
    )
    assert {"every_minutes", "setting_base_dn", "credential_password"} <= set(answer.context["form"].errors)
    with tenancy.of(acme):
        assert not Directory.objects.exists()


def test_credentials_left_empty_stay_and_written_ones_replace(staff, ada):
    client = visit(ada)
    form = {
        "name": "Staff two", "every_minutes": "120", "setting_mapping": MAPPING, "setting_encoding": "auto", "setting_delimiter": "auto",
        "setting_rows_min": "1", "setting_guard_members": "5", "setting_guard_percent": "10", "setting_storm_percent": "30",
        "setting_absent_runs": "2", "setting_when_held": "wait",
    }  # fmt: skip
    assert client.post(path(staff, "settings"), form).status_code == 303
    with tenancy.of(staff.organization_id):
        kept = Pull.objects.select_related("directory").get()
    assert (kept.directory.name, kept.every_minutes, pulls.credentials_of(kept)) == (
        "Staff two",
        120,
        {"sftp_password": "a secret"},
    )
    client.post(path(staff, "settings"), form | {"credential_sftp_private_key": "key"})
    with tenancy.of(staff.organization_id):
        kept = Pull.objects.get()
    assert pulls.credentials_of(kept) == {"sftp_password": "a secret", "sftp_private_key": "key"}


def test_a_file_is_given_read_looked_at_and_approved(acme, staff, ada):
    client = visit(ada)
    from django.core.files.uploadedfile import SimpleUploadedFile

    answer = client.post(path(staff, "file"), {"file": SimpleUploadedFile("staff.csv", CSV)}, follow=True)
    assert "staff.csv will be read within a minute." in answer.content.decode()
    tested = client.post(path(staff, "test")).content.decode()
    assert "jane.doe" in tested
    answer = client.post(path(staff, "read"))
    run = run_of(staff)
    assert answer["Location"] == path(staff, f"runs/{run.pk}/")
    go_on(run_of(staff))
    page = client.get(path(staff, f"runs/{run.pk}/"))
    html = page.content.decode()
    for said in ("This plan waits for you", "Create 2", "jane.doe", "john.doe", "Apply exactly this plan"):
        assert said in html
    assert "A plan of Staff waits for you" in client.get("/o/acme/").content.decode()
    assert "Plan waits" in client.get("/o/acme/directories/").content.decode()
    stale = client.post(path(staff, f"runs/{run.pk}/approve"), {"plan_hash": "0" * 64})
    assert stale.status_code == 409
    answer = client.post(path(staff, f"runs/{run.pk}/approve"), {"plan_hash": run_of(staff).plan_hash})
    assert answer.status_code == 303
    go_on(run_of(staff))
    assert "2 of 2 applied" in client.get(path(staff, f"runs/{run.pk}/progress")).content.decode()
    (entry,) = entries(acme, "sync.approve")
    assert (entry.actor_kind, entry.actor_id) == ("member", str(ada.pk))
    assert "jane.doe" in client.get("/o/acme/members/").content.decode()
    assert "waits for you" not in client.get("/o/acme/").content.decode()
    html = client.get("/o/acme/directories/").content.decode()
    assert "read <time" in html
    assert ">On<" in html


def test_a_directory_that_cannot_be_read_is_seen_from_afar(acme, staff, ada):
    client = visit(ada)
    client.post(path(staff, "read"))
    go_on(run_of(staff))
    assert run_of(staff).state == "failed"
    for page in ("/o/acme/", "/o/acme/directories/"):
        html = client.get(page).content.decode()
        assert "Cannot be read" in html, page
        assert "never read" in html, page


def test_a_run_is_cancelled_and_a_directory_paused(acme, staff, ada):
    client = visit(ada)
    client.post(path(staff, "read"), {"dry_run": "true"})
    assert run_of(staff).dry_run
    assert client.post(path(staff, "read")).status_code == 409
    client.post(path(staff, f"runs/{run_of(staff).pk}/cancel"))
    assert run_of(staff).state == "cancelled"
    client.post(path(staff, "pause"))
    assert "Paused" in client.get(path(staff)).content.decode()
    client.post(path(staff, "pause"), {"resume": "true"})
    assert "Paused" not in client.get(path(staff)).content.decode()


def test_the_run_of_a_directory_that_is_switched_off_says_why_it_stopped(acme, staff, ada):
    client = visit(ada)
    client.post(path(staff, "read"))
    directories.change(staff.directory, active=False, actor=ADA)
    made = go_on(run_of(staff))
    html = client.get(path(staff, f"runs/{made.pk}/")).content.decode()
    assert "<strong>The run is cancelled.</strong> The directory was switched off" in html
    assert "could not be read" not in html


def test_the_plan_is_paged_and_narrowed_down(acme, ada, script):  # noqa: F811 - the fixture
    from tests.sync import scripted

    pull = scripted.pull_of(acme)
    listing(*crowd(60))
    client = visit(ada)
    client.post(path(pull, "read"))
    go_on(run_of(pull))
    first = client.get(path(pull, f"runs/{run_of(pull).pk}/"))
    assert len(first.context["page"].rows) == 50
    following = client.get(path(pull, f"runs/{run_of(pull).pk}/?{first.context['page'].following}"))
    assert len(following.context["page"].rows) == 10
    assert not client.get(path(pull, f"runs/{run_of(pull).pk}/?action=suspend")).context["page"].rows


def test_whoever_may_only_look_is_shown_no_button(acme, staff):
    auditor = join(acme, "audrey@acme.example", role="auditor")
    client = visit(auditor)
    page = client.get(path(staff))
    assert page.status_code == 200
    assert "Read now" not in page.content.decode()
    assert client.post(path(staff, "read")).status_code == 403
    assert client.post(path(staff, "file")).status_code == 403
