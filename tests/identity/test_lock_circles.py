"""Two verbs that want the same rows take them in one order, or at least never each what the other one has."""

from collections.abc import Callable
from typing import Any

import pytest

from identity import (
    group_batches,
    groups,
    member_row,
    members,
    nesting,
    organizations,
    sign_on,
    tenancy,
    tokens,
)
from identity.group_batches import Formed
from tests.conftest import SETUP, again, join
from tests.identity.test_lock_order import beside  # noqa: F401 - a fixture
from tests.waiting import PATIENCE

SETTINGS: dict[str, Callable[[Any, Any], Any]] = {
    "each address once": lambda acme, ada: organizations.change(acme, email_unique=True, actor=SETUP),
    "break glass": lambda acme, ada: sign_on.change(acme, break_glass_id=ada.pk, actor=SETUP),
    "break glass and a name": lambda acme, ada: sign_on.change(
        acme, break_glass_id=ada.pk, sso_identifier="acme.example", actor=SETUP
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_who_changes_the_organization_waits_and_nobody_for_them(acme, ada, beside, name):  # noqa: F811 - the fixture
    members.set_password(ada, "correct horse battery staple", actor=SETUP)
    with tenancy.change(acme):
        member_row.lock(ada)
        changing = beside.begin(lambda: SETTINGS[name](acme, ada), waiting=1)
        tokens.issue(ada, name="laptop", actor=SETUP)
    changing.result(PATIENCE)


def test_who_is_just_coming_has_their_address_once_too(acme, beside):  # noqa: F811 - the fixture
    with tenancy.change(acme):
        newcomer = join(acme, "newcomer@acme.example")
        changing = beside.begin(lambda: SETTINGS["each address once"](acme, None), waiting=1)
    changing.result(PATIENCE)
    assert again(newcomer).email_claim == "newcomer@acme.example"


NESTINGS: dict[str, Callable[[Any, Any], Any]] = {
    "deleted": lambda directory, child: groups.delete(child, actor=SETUP),
    "arrives": lambda directory, child: groups.create(
        directory.organization, display_name="Late", external_id="late", directory=directory, members=[str(child.pk)], actor=SETUP
    ),
    "arrives with others": lambda directory, child: group_batches.create(
        directory.organization, [Formed("Late", "late"), Formed("Later", "later")], directory=directory, actor=SETUP
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NESTINGS)
def test_a_group_that_others_hold_or_await_changes_beside_one_of_them(acme, okta, beside, monkeypatch, name):  # noqa: F811 - the fixture
    first, second, child, other = (
        groups.create(acme, display_name=each, directory=okta.directory, actor=SETUP)
        for each in ("First", "Second", "Child", "Other")
    )
    for parent in (first, second):
        groups.change(parent, add=[str(child.pk), "late", "later"], actor=SETUP)
    hold, changing = nesting.hold, []

    def held(organization_id):
        hold(organization_id)
        monkeypatch.undo()
        work = lambda: groups.change(second, add=[str(other.pk)], actor=SETUP)  # noqa: E731 - begun once
        changing.append(beside.begin(work, waiting=1))

    monkeypatch.setattr(nesting, "hold", held)
    NESTINGS[name](okta.directory, child)
    assert changing[0].result(PATIENCE)[1].nested == [other.pk]
