"""A directory that says what a test has it say: pages, faults, and the rest of a connector, for the engine's own tests."""

from dataclasses import dataclass, field

from audit.models import Entry
from identity import directory_kinds, pulls, sync_runs, tenancy
from identity.directory_kinds import Field, Verdict
from identity.models import Link, Member, Membership, Organization, Pull, Run, Step
from tasks import connectors
from tasks.connectors.interface import Connector, End, Group, Page, Person, kind_of
from tasks.connectors.interface import Membership as Belongs
from tasks.sync import work
from tests.conftest import SETUP


@dataclass
class Script:
    """What the directory says next: `pages` are pages, or faults to raise. It notes how it was asked."""

    pages: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    sentinel: str = ""


SCRIPT = Script()


class ScriptedConnector(Connector):
    """Reads the script."""

    kind = "scripted"
    title = "Scripted"
    setting_fields = (Field("filter", "Filter", in_scope=True), Field("colour", "Colour"))
    credential_fields = (Field("password", "Password"),)

    @property
    def sentinel(self):
        return SCRIPT.sentinel

    def test(self):
        return Verdict(ok=True, sentence="It answers.")

    def fetch(self, *, checkpoint=None, cookie=None):
        SCRIPT.asked.append((checkpoint, cookie, self.credentials["password"]))
        for page in SCRIPT.pages[(checkpoint or {}).get("page", 0) :]:
            if isinstance(page, Exception):
                raise page
            yield page


def install(monkeypatch):
    """Make the kind known for one test, with an empty script."""
    monkeypatch.setitem(connectors.BY_KIND, "scripted", ScriptedConnector)
    monkeypatch.setitem(directory_kinds._kinds, "scripted", kind_of(ScriptedConnector))
    SCRIPT.__init__()


def person(key, user_name="", *, active=True, version="", **profile):
    """Give a person of the directory with an address like their user name."""
    name = user_name or f"{key}@acme.example"
    profile.setdefault("emails", [{"value": name, "type": "work", "primary": True}])
    return Person(key, name, profile, active, version)


def listing(*people, groups=(), incomplete="", cookie=None, whole=True, **more):
    """Have the directory say this in one page; `groups` are (id, [keys])."""
    SCRIPT.pages = [
        Page(
            people,
            [Group(key, key.title()) for key, _ in groups],
            [Belongs(key, member) for key, keys in groups for member in keys],
            end=End(whole=whole, cookie=cookie, incomplete=incomplete),
            **more,
        )
    ]


def pull_of(organization, name="HR", **settings):
    """Set the directory up."""
    return pulls.create(
        organization,
        actor=SETUP,
        kind="scripted",
        name=name,
        settings=settings,
        credentials={"password": "geheim"},
    )


def run(pull, *, dry_run=False):
    """Have it read, to the end of what workers can do."""
    made = sync_runs.ask(pull.directory, actor=SETUP, dry_run=dry_run)
    return go_on(made)


def go_on(made):
    """Let a worker have the run."""
    while work.turn(made.organization_id, made.pk, seconds=60):
        pass
    with tenancy.of(made.organization_id):
        return Run.objects.select_related("directory").get(pk=made.pk)


def approved(made, actor):
    """Approve what is held and let a worker have it."""
    return go_on(sync_runs.approve(made, made.plan_hash, actor=actor))


def settle(pull, actor):
    """Have it read and approve what is held: the first run."""
    made = run(pull)
    return approved(made, actor) if made.state == "held" else made


def states(pull):
    """Give {external id: state} of the directory's people."""
    with tenancy.of(pull.organization_id):
        rows = Link.objects.filter(directory=pull.directory_id).values_list("external_id", "member__state")
        return dict(rows)


def steps(made, *fields):
    """Give the run's steps, as tuples of these fields."""
    with tenancy.of(made.organization_id):
        return list(
            Step.objects.filter(run=made)
            .order_by("number")
            .values_list(*(fields or ("action", "external_id", "state")))
        )


def events(organization, since=0):
    """Give the names of the organization's entries."""
    with tenancy.of(organization):
        return list(Entry.objects.order_by("id").values_list("event", flat=True))[since:]


def crowd(number, start=0, **profile):
    """Give so many people: p00, p01 and so on."""
    return [person(f"p{place:02}", **profile) for place in range(start, start + number)]


def out(pull: Pull) -> list[str]:
    """Give the external ids of those who are not in."""
    return sorted(key for key, state in states(pull).items() if state != "active")


def member_of(pull: Pull, key: str) -> Member:
    """Give the member whom the directory knows by this id."""
    with tenancy.of(pull.organization_id):
        return Member.objects.get(links__directory=pull.directory_id, links__external_id=key)


def in_group(organization: Organization, name: str) -> list[str]:
    """Give the external ids of those who are in the group of that name."""
    with tenancy.of(organization):
        rows = Membership.objects.filter(group__display_name=name, ended_at__isnull=True)
        return sorted(rows.values_list("member__links__external_id", flat=True))
