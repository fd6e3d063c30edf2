"""Names that change hands within one run: exchanged, passed on in a row, and refused to somebody without keeping the others."""

import pytest

from audit.models import Detail, Entry
from identity import organizations, tenancy
from tasks.connectors.interface import End, Group, Membership, Page
from tests.conftest import SETUP
from tests.sync.scripted import crowd, in_group, listing, member_of, person, run, states, steps


def mail(key):
    """Give somebody's work address and nothing else."""
    return [{"value": f"{key}@acme.example", "type": "work", "primary": True}]


def names(hr, *keys):
    return [member_of(hr, key).user_name.partition("@")[0] for key in keys]


def test_two_people_exchange_their_user_names(hr, acme):
    listing(person("p00", "p01@acme.example"), person("p01", "P00@acme.example"), *crowd(8, start=2))
    made = run(hr)
    assert (made.counts, made.skipped, names(hr, "p00", "p01")) == ({"rename": 2}, 0, ["p01", "P00"])
    with tenancy.of(acme):
        entries = Entry.objects.filter(event="member.change").values_list("pk", flat=True)
        bodies = Detail.objects.filter(entry_id__in=list(entries)).values_list("body", flat=True)
        said = [body["changes"]["user_name"] for body in bodies]
    assert sorted(said) == [
        ["p00@acme.example", "p01@acme.example"],
        ["p01@acme.example", "P00@acme.example"],
    ]
    assert run(hr).counts == {}


def test_a_row_of_people_moves_up_by_one(hr):
    row = [person(f"p{place:02}", f"p{place + 1:02}@acme.example") for place in range(4)]
    listing(*row, person("p04", "x@acme.example"), *crowd(5, start=5))
    assert run(hr).skipped == 0
    assert names(hr, *(f"p{place:02}" for place in range(5))) == ["p01", "p02", "p03", "p04", "x"]


def test_addresses_that_must_be_unique_are_exchanged_too(hr, acme):
    organizations.change(acme, email_unique=True, actor=SETUP)
    listing(person("p00", emails=mail("p01")), person("p01", emails=mail("p00")), *crowd(8, start=2))
    made = run(hr)
    assert (made.counts, made.skipped) == ({"update": 2}, 0)
    assert [member_of(hr, key).email for key in ("p00", "p01")] == ["p01@acme.example", "p00@acme.example"]


@pytest.mark.parametrize("place", range(0, 10, 3))
def test_whoever_cannot_get_their_name_keeps_only_those_who_wait_for_it(hr, jane, place):
    # Two exchange theirs, one wants a local member's, and one waits for that one's.
    keys = [f"p{(place + number) % 10:02}" for number in range(4)]
    wanted = dict(
        zip(
            keys,
            (
                f"{keys[1]}@acme.example",
                f"{keys[0]}@acme.example",
                "jane@acme.example",
                f"{keys[2]}@acme.example",
            ),
            strict=True,
        )
    )
    listing(*[person(one.external_id, wanted.get(one.external_id, "")) for one in crowd(10)])
    made = run(hr)
    assert {
        key: reason
        for key, state, reason in steps(made, "external_id", "state", "reason")
        if state != "applied"
    } == dict.fromkeys(keys[2:], "user_name_taken")
    assert names(hr, *keys) == [keys[1], keys[0], keys[2], keys[3]]


def test_groups_exchange_their_names_and_a_new_one_gets_what_another_gives_up(hr, acme, script):
    def said(**named):
        script.pages = [
            Page(
                crowd(10),
                [Group(key, name) for key, name in named.items()],
                [Membership(key, f"p0{place}") for place, key in enumerate(sorted(named))],
                end=End(whole=True),
            )
        ]

    said(g1="Sales", g2="Support", g3="Sailors")
    run(hr)
    said(g1="Support", g2="Sales", g3="Crew", g0="sailors")
    made = run(hr)
    assert (made.counts["group_rename"], made.counts["group_create"], made.skipped) == (3, 1, 0)
    assert [in_group(acme, name) for name in ("Support", "Sales", "Crew", "sailors")] == [
        ["p01"],
        ["p02"],
        ["p03"],
        ["p00"],
    ]
    assert run(hr).counts == {}


@pytest.mark.parametrize("cookie", [None, {"delta": 1}])
def test_whoever_is_disabled_and_renamed_at_once_leaves_their_name_to_an_heir(hr, cookie):
    leaver = person("p09", "zz-p09@acme.example", active=False, title="Left")
    listing(*crowd(9), leaver, person("heir", "p09@acme.example"), cookie=cookie)
    assert run(hr).counts == {"suspend": 1, "skipped": {"user_name_taken": 1}}
    made = run(hr)
    assert (made.whole, made.counts, made.skipped) == (True, {"rename": 1, "create": 1}, 0)
    assert names(hr, "p09", "heir") == ["zz-p09", "p09"]
    assert [states(hr)[key] for key in ("p09", "heir")] == ["suspended", "active"]
    assert run(hr).counts == {}
    # The directory may still let in whom it shut out.
    listing(*crowd(9), person("p09", "zz-p09@acme.example"), person("heir", "p09@acme.example"))
    assert run(hr).counts == {"reactivate": 1}
    assert states(hr)["p09"] == "active"


def test_whoever_is_disabled_goes_out_also_if_their_new_name_is_taken(hr, jane):
    listing(*crowd(9), person("p09", "jane@acme.example", active=False))
    assert (run(hr).counts, states(hr)["p09"]) == ({"suspend": 1}, "suspended")
    assert run(hr).skipped == 1
    assert states(hr)["p09"] == "suspended"
