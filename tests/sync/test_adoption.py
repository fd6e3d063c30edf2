"""Members who were here before their directory: adopted many at a time, as `members.provision` adopts one."""

import pytest
from django.db import transaction
from hypothesis import HealthCheck, assume, example, given, settings, strategies

from audit.models import Detail, Entry
from identity import adopting, domains, links, matching, members, tenancy
from identity.adopting import Adoption
from identity.errors import Refusal
from identity.models import Link, Member
from tests.conftest import SETUP
from tests.statements import Statements
from tests.sync.conftest import ADA
from tests.sync.scripted import listing, person, pull_of, run, settle, steps
from tests.sync.test_matching_property import ARRIVES, GLASS, HERE, put


@pytest.fixture
def pull(acme, script):
    """Give a directory of an organization that has proved acme.example."""
    domains.confirm(domains.claim(acme, "acme.example", actor=SETUP), actor=SETUP)
    return pull_of(acme)


def _here(organization, *names):
    """Bring people in who have no directory, and return their ids."""
    made = [
        members.provision(
            organization, actor=SETUP, user_name=name, profile={"emails": [{"value": name, "type": "work"}]}
        )
        for name in names
    ]
    return [done.member.pk for done in made]


def _left_of(organization, directory):
    """Give what the adoption of each left: link, member and entries, without what differs from one time to the next."""
    rows = Member.objects.filter(organization=organization, links__directory=directory).order_by("user_name")
    entries = Entry.objects.filter(event__in=("member.link", "member.change")).order_by("id")
    told = dict(Detail.objects.values_list("entry_id", "body"))
    return [
        (
            Link.objects.get(member=member).external_id,
            (
                member.user_name,
                member.email,
                member.display_name,
                member.profile,
                member.state,
                member.version,
            ),
            [
                (entry.event, told[entry.pk]["changes"], told[entry.pk]["data"], told[entry.pk]["subject"])
                for entry in entries
                if entry.subject_id == str(member.pk)
            ],
        )
        for member in rows
    ]


@pytest.mark.parametrize("said", [{"title": "CTO"}, {}, {"displayName": "Other"}])
def test_many_are_adopted_as_one_is(acme, pull, said):
    names = [f"p{number}@acme.example" for number in range(3)]
    here = _here(acme, *names)
    members.suspend(Member(organization=acme, pk=here[2]), actor=SETUP)
    left = []
    for adopt in (_one_by_one, _together):
        with tenancy.of(acme):
            profiles = {name: {"emails": [{"value": name, "type": "work"}], **said} for name in names}
            asked = [
                Adoption(id_, f"k-{name}", name, profiles[name])
                for id_, name in zip(here, names, strict=True)
            ]
            assert adopt(acme, asked, pull.directory) == set(here)
            left.append(_left_of(acme, pull.directory))
            transaction.set_rollback(True)
    assert left[0] == left[1]
    assert [state for _, (*_, state, _), _ in left[1]] == ["active", "active", "suspended"]


def _together(organization, asked, directory):
    return adopting.adopt(organization, asked, actor=SETUP, directory=directory)


def _one_by_one(organization, asked, directory):
    found = set()
    for one in asked:
        had = Member.objects.get(pk=one.member_id).profile
        done = members.provision(
            organization, actor=SETUP, user_name=one.user_name, profile={**had, **one.profile}, directory=directory,
            external_id=one.external_id,
        )  # fmt: skip
        assert done.linked
        found.add(done.member.pk)
    return found


@settings(
    max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
@given(
    here=strategies.lists(HERE, min_size=1, max_size=6, unique_by=lambda one: one.user_name),
    arrives=ARRIVES,
    meant=strategies.integers(0, 5),
    had_by=strategies.sampled_from(("nobody", "another", "this")),
)
@example(here=[GLASS], arrives=(GLASS.user_name, GLASS.email), meant=0, had_by="nobody")
def test_nobody_is_adopted_whom_the_one_rule_would_not_give(acme, pull, okta, here, arrives, meant, had_by):
    user_name, email = arrives
    with tenancy.of(acme):
        ids = [put(acme, okta.directory, one, number).pk for number, one in enumerate(here)]
        member_id = ids[meant % len(ids)]
        if had_by != "nobody":
            with_id = ids[(meant + (had_by == "another")) % len(ids)]
            links.make(Member.objects.get(pk=with_id), pull.directory, "k")
        profile = {"emails": [{"value": email, "type": "work"}]} if email else {}
        merged = matching_email(Member.objects.get(pk=member_id), profile)
        try:
            found = matching.find(acme, pull.directory, "k", user_name, merged)
        except Refusal:
            found = None
        by_the_rule = (
            {found.member.pk} if found and found.needs_link and found.member.pk == member_id else set()
        )
        # Two accounts that fold alike are refused by a constraint, in either form.
        assume(not Member.objects.filter(user_name_key=user_name).exclude(pk=member_id).exists())
        done = _together(acme, [Adoption(member_id, "k", user_name, profile)], pull.directory)
        transaction.set_rollback(True)
    assert done <= by_the_rule


def matching_email(member, profile):
    """Return the address that somebody would have."""
    emails = {"emails": member.profile.get("emails") or []} | profile
    return emails["emails"][0]["value"] if emails["emails"] else ""


def test_statements_do_not_grow_with_the_number_adopted(acme, pull):
    counted = []
    for first, last in ((0, 3), (3, 43)):
        names = [f"p{number}@acme.example" for number in range(first, last)]
        here = _here(acme, *names)
        asked = [
            Adoption(id_, f"k-{name}", name, {"title": "CTO"}) for id_, name in zip(here, names, strict=True)
        ]
        with Statements() as noted:
            assert len(_together(acme, asked, pull.directory)) == last - first
        counted.append(len(noted.statements))
    assert counted[0] == counted[1]


def test_a_run_adopts_those_beyond_doubt_and_judges_the_others_one_by_one(acme, pull):
    listing(person("k9", "zoe@acme.example"))
    settle(pull, ADA)
    names = [f"p{number}@acme.example" for number in range(4)]
    _here(acme, *names)
    # Somebody of that name was here before and left: the verb decides.
    gone = _here(acme, "p4@acme.example")
    members.offboard(Member(organization=acme, pk=gone[0]), actor=SETUP)
    _here(acme, "p4@acme.example")
    listing(
        person("k9", "zoe@acme.example"),
        *(person(f"k{number}", f"p{number}@acme.example") for number in range(5)),
    )
    made = run(pull)
    made = settle(pull, ADA) if made.state == "held" else made
    assert {row for row in steps(made) if row[0] == "link"} == {
        ("link", f"k{number}", "applied") for number in range(5)
    }
    with tenancy.of(acme):
        assert Link.objects.filter(directory=pull.directory, tombstoned_at__isnull=True).count() == 6
        assert Entry.objects.filter(event="member.link").count() == 5
    assert run(pull).counts == {}
