"""Directories that are pulled, over the API: set up, tested, given a file, run, looked at, approved."""

from uuid import UUID

import pytest

from identity import looking, members, pulls, tenancy, tokens
from identity.models import Member, Pull
from tasks.sync import work
from tests.api.client import Api, bearer, csv_of, token_of
from tests.conftest import SETUP, later_on
from tests.console.conftest import visit
from tests.console.test_many import followed

MAPPING = {"external_id": "No", "user_name": "Login", "title": "Title"}
NEW = {
    "kind": "csv",
    "name": "HR",
    "settings": {"mapping": MAPPING},
    "schedule": {"every_minutes": 30},
}
PATH = "/organizations/acme/directories"
FILE = "No,Login,Title\n1,amy,=1+1\n2,bob,\n3,cyd,Chief\n"


def put(api, path, text, content_type="text/csv"):
    return api.client.put(f"/api/v1{path}", text.encode(), content_type=content_type, headers=api.headers)


def worked(path, api, run):
    """Let a worker have the run, and give it as it then is."""
    with tenancy.everywhere("the test's own worker"):
        organization_id = Pull.objects.values_list("organization_id", flat=True).first()
    while work.turn(organization_id, UUID(run["id"]), seconds=60):
        pass
    return api.get(f"{path}/runs/{run['id']}").json()


@pytest.fixture
def api(ada):
    return token_of(ada)


@pytest.fixture
def path(api):
    return f"{PATH}/{api.post(PATH, NEW).json()['id']}"


@pytest.fixture
def held(api, path):
    put(api, f"{path}/file", FILE)
    return worked(path, api, api.post(f"{path}/runs", {}).json())


def test_a_directory_is_set_up_and_shows_its_clock_but_no_credential(api, path):
    shown = api.get(path).json()
    assert (shown["kind"], shown["name"], shown["scim_url"]) == ("csv", "HR", None)
    assert (shown["settings"]["guard_percent"], shown["settings"]["mapping"]) == (10, MAPPING)
    assert (shown["pull"]["every_minutes"], shown["pull"]["paused_at"]) == (30, None)
    assert [item["id"] for item in api.get(PATH).json()["items"]] == [shown["id"]]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**NEW, "settings": {}}, "settings.mapping"),
        ({**NEW, "settings": {"mapping": MAPPING, "colour": "red"}}, "settings.colour"),
        ({**NEW, "settings": {"mapping": MAPPING, "guard_percent": 101}}, "settings.guard_percent"),
        ({**NEW, "credentials": {"password": "x"}}, "credentials.password"),
        ({**NEW, "schedule": {"every_minutes": 1}}, "schedule.every_minutes"),
        ({**NEW, "schedule": {"cron": "* * * * *"}}, "schedule.cron"),
        ({**NEW, "name": " "}, "name"),
        ({**NEW, "kind": "ldapx"}, "kind"),
        ({**NEW, "surprise": 1}, "surprise"),
    ],
)
def test_what_is_wrong_is_refused_by_its_name(api, body, field):
    answer = api.post(PATH, body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert api.get(PATH).json()["items"] == []


def test_credentials_are_sealed_and_come_back_to_nobody(api, eraser, acme):
    body = {
        "kind": "scim_pull",
        "name": "Other",
        "settings": {"api_url": "https://scim.example/v2"},
        "credentials": {"token": "geheim-geheim"},
    }
    answer = api.post(PATH, body)
    assert answer.status_code == 201
    shown = api.get(f"{PATH}/{answer.json()['id']}").content.decode() + answer.content.decode()
    kept = str(eraser.execute("SELECT credentials FROM identity_pull").fetchall())
    told = str(eraser.execute("SELECT body FROM audit_detail").fetchall())
    assert "geheim" not in shown + kept + told
    with tenancy.of(acme):
        assert pulls.credentials_of(Pull.objects.get()) == {"token": "geheim-geheim"}


def test_the_connection_is_tested(api, path):
    verdict = api.post(f"{path}/test").json()
    assert (verdict["ok"], verdict["code"]) == (False, "misconfigured")
    put(api, f"{path}/file", FILE)
    verdict = api.post(f"{path}/test").json()
    assert (verdict["ok"], verdict["people"], verdict["sample"]) == (True, 3, ["amy", "bob", "cyd"])


def test_a_run_waits_is_read_and_approved(api, path, held):
    assert (held["state"], held["counts"], held["progress"]["of"]) == ("held", {"create": 3}, 3)
    assert [reason["code"] for reason in held["held_for"]] == ["first_run"]
    here = f"{path}/runs/{held['id']}"
    plan = api.get(f"{here}/plan", limit=2).json()
    assert [(step["action"], step["name"], step["state"]) for step in plan["items"]] == [
        ("create", "amy", "held"),
        ("create", "bob", "held"),
    ]
    assert plan["plan_hash"] == held["plan_hash"]
    assert [step["name"] for step in api.get(f"{here}/plan", after=plan["next"]).json()["items"]] == ["cyd"]
    answer = api.post(f"{here}/approve", {"plan_hash": held["plan_hash"]})
    assert (answer.status_code, answer.json()["state"]) == (200, "applying")
    done = worked(path, api, held)
    assert (done["state"], done["applied"], done["approved_by"]["kind"]) == ("done", 3, "token")
    assert [item["id"] for item in api.get(f"{path}/runs").json()["items"]] == [held["id"]]


def test_a_plan_is_downloaded_without_formulas(api, path, held):
    put(api, f"{path}/file", FILE.replace("bob", "=cmd()"))
    run = worked(path, api, api.post(f"{path}/runs", {"dry_run": True}).json())
    assert run["state"] == "previewed"
    answer = api.get(f"{path}/runs/{run['id']}/plan.csv")
    rows = csv_of(answer)
    assert [row["name"] for row in rows] == ["amy", "'=cmd()", "cyd"]
    taking = Api({**api.headers, "Accept": "text/csv"}, api.client)
    asked = taking.get(f"{path}/runs/{run['id']}/plan")
    assert asked["Content-Type"] == "text/csv; charset=utf-8"
    assert csv_of(asked) == rows
    refused = taking.get(f"{path}/runs/999999/plan")
    assert (refused.status_code, refused["Content-Type"]) == (404, "application/problem+json")


def test_another_plan_or_an_old_one_is_not_approved(api, path, held):
    here = f"{path}/runs/{held['id']}/approve"
    assert api.post(here, {"plan_hash": "0" * 64}).status_code == 409
    assert api.post(here, {}).status_code == 400
    with later_on(hours=25):
        assert api.post(here, {"plan_hash": held["plan_hash"]}).status_code == 409


def test_a_program_approves_nothing(api, path, held, ada, settings):
    here = f"{path}/runs/{held['id']}/approve"
    service = bearer(
        tokens.issue(ada, actor=SETUP, scopes=["directories.write", "members.write"], service=True)[1]
    )
    assert service.post(here, {"plan_hash": held["plan_hash"]}).status_code == 403
    settings.ROLLCALL_OPERATOR_TOKEN = "o" * 40
    assert bearer("o" * 40).post(here, {"plan_hash": held["plan_hash"]}).status_code == 403
    weak = token_of(ada, "directories.write")
    assert weak.post(here, {"plan_hash": held["plan_hash"]}).status_code == 403


def test_a_run_is_cancelled_once_and_only_one_is_on_its_way(api, path):
    run = api.post(f"{path}/runs", {}).json()
    assert api.post(f"{path}/runs", {}).status_code == 409
    assert api.post(f"{path}/runs/{run['id']}/cancel").json()["state"] == "cancelled"
    assert api.post(f"{path}/runs", {}).status_code == 201


def test_pausing_and_changing(api, path):
    assert api.post(f"{path}/pause").json()["due_at"] is None
    assert api.post(f"{path}/resume").json()["due_at"]
    answer = api.patch(
        path,
        {
            "schedule": {"every_minutes": 90},
            "settings": {"guard_members": 1},
            "credentials": {},
            "name": "People",
        },
    )
    shown = answer.json()
    assert (shown["name"], shown["pull"]["every_minutes"], shown["settings"]["guard_members"]) == (
        "People",
        90,
        1,
    )
    assert shown["settings"]["mapping"] == MAPPING
    assert api.patch(path, {"settings": {"mapping": {}}}).status_code == 400
    assert api.patch(path, {"idp": "okta"}).status_code == 400


def test_a_directory_that_pushes_is_not_pulled(api, okta):
    path = f"{PATH}/{okta.directory.pk}"
    for address in ("test", "pause", "resume", "runs"):
        answer = api.post(f"{path}/{address}", {} if address == "runs" else None)
        assert answer.status_code == 404, address
    assert put(api, f"{path}/file", FILE).status_code == 404
    assert api.get(path).json()["pull"] is None


@pytest.mark.parametrize("text", ["", "\0"])
def test_a_file_that_says_nothing_is_refused_or_read_as_nothing(api, path, text):
    answer = put(api, f"{path}/file", text)
    assert answer.status_code == (400 if not text else 200)
    assert put(api, f"{path}/file", "x", "image/png").status_code == 415


def test_drift_says_who_differs_and_since_when(api, path, held, acme):
    api.post(f"{path}/runs/{held['id']}/approve", {"plan_hash": held["plan_hash"]})
    worked(path, api, held)
    assert api.get(f"{path}/drift").json() == {"items": [], "next": None}
    with tenancy.of(acme):
        amy, bob = Member.objects.get(user_name="amy"), Member.objects.get(user_name="bob")
    members.change(amy, profile={"title": "Own"}, actor=SETUP)
    members.suspend(bob, actor=SETUP)
    put(api, f"{path}/file", FILE.replace("3,cyd,Chief\n", ""))
    worked(path, api, api.post(f"{path}/runs", {}).json())
    found = api.get(f"{path}/drift").json()["items"]
    assert [(item["external_id"], item["what"]) for item in found] == [
        ("1", "changed_here"),
        ("2", "suspended_here"),
        ("3", "missing"),
    ]
    page = api.get(f"{path}/drift", limit=1).json()
    assert [item["external_id"] for item in page["items"]] == ["1"]
    assert api.get(f"{path}/drift", after=page["next"], limit=1).json()["items"][0]["external_id"] == "2"


@pytest.mark.parametrize("most", [1, 2, 7])
def test_a_page_of_differences_looks_at_so_many_people_and_all_are_found_in_the_end(
    api, path, acme, ada, monkeypatch, most
):
    put(api, f"{path}/file", "No,Login,Title\n" + "".join(f"{n:02},p{n},\n" for n in range(40)))
    run = worked(path, api, api.post(f"{path}/runs", {}).json())
    if run["state"] == "held":
        api.post(f"{path}/runs/{run['id']}/approve", {"plan_hash": run["plan_hash"]})
        worked(path, api, run)
    with tenancy.of(acme):
        late = list(Member.objects.filter(user_name__in=["p20", "p39"]))
    for member in late:
        members.suspend(member, actor=SETUP)
    monkeypatch.setattr(looking, "ROWS", most)
    after, found, pages = "", [], 0
    while after is not None:
        answer = api.get(f"{path}/drift", after=after)
        found += [item["external_id"] for item in answer.json()["items"]]
        after, pages = answer.json()["next"], pages + 1
    assert (found, pages) == (["20", "39"], 40 // most + 1)
    client = visit(ada)
    html = list(followed(client, f"/o/acme/{path.partition('acme/')[2]}/differences"))
    # Between tags: the token of a form has any three letters by chance.
    assert [">p20<" in page or ">p39<" in page for page in html].count(True) == 2
    assert "Nothing found so far" in html[0]


def test_a_change_that_is_refused_in_one_part_changes_nothing(api, path, acme):
    api.post(PATH, {**NEW, "name": "Taken"})
    answer = api.patch(path, {"name": "Taken", "schedule": {"every_minutes": 45}})
    assert answer.status_code == 409
    assert api.get(path).json()["pull"]["every_minutes"] == 30
