"""Two verbs that want the same rows take them in one order, or at least never each what the other one has."""

from collections.abc import Callable
from typing import Any

import pytest

from identity import groups, member_row, members, organizations, sign_on, tenancy, tokens
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


def test_who_is_named_by_an_external_id_like_one_of_ours_is_held_before_the_group(acme, okta, beside):  # noqa: F811 - the fixture
    name = "0f8fad5b-d9cb-469f-a165-70867728950e"
    leaver = members.provision(
        acme, user_name="leaver", external_id=name, directory=okta.directory, actor=SETUP
    ).member
    staff = groups.create(
        acme, display_name="Staff", directory=okta.directory, members=[str(leaver.pk)], actor=SETUP
    )
    with tenancy.change(acme):
        member_row.lock(leaver)
        naming = beside.begin(lambda: groups.change(staff, add=[name], actor=SETUP), waiting=1)
        receipt = members.offboard(leaver, actor=SETUP)
    naming.result(PATIENCE)
    assert len(receipt.groups) == 1
