"""Nobody hands out more than they hold; what they hold themselves they may."""

from dataclasses import dataclass

import pytest

from identity import handing_out, roles
from identity.errors import Forbidden
from identity.roles import CAPABILITIES
from tests.conftest import SETUP


@dataclass(frozen=True)
class Somebody:
    """Whoever acts, by what they may do."""

    capabilities: frozenset[str]


MANAGER = Somebody(frozenset(roles.BUILT_IN["member_manager"][1]))
EVERYTHING = Somebody(frozenset(CAPABILITIES))
NOBODY = Somebody(frozenset())


def test_one_capability_too_many_is_refused_by_its_name_and_field():
    with pytest.raises(Forbidden, match=r"record\.read, which you do not have") as refusal:
        handing_out.refuse_more_than_own(MANAGER, ["members.read", "record.read"], "scopes")
    assert refusal.value.field == "scopes"


def test_what_somebody_holds_they_may_hand_out():
    handing_out.refuse_more_than_own(MANAGER, MANAGER.capabilities, "scopes")
    handing_out.refuse_more_than_own(NOBODY, [], "scopes")


@pytest.mark.parametrize(
    ("holder", "name", "refused"),
    [
        (MANAGER, "member_manager", False),
        (MANAGER, "organization_admin", True),
        (MANAGER, "auditor", True),
        (EVERYTHING, "organization_admin", False),
        (NOBODY, "member", False),
        (NOBODY, "no_such_role", False),
    ],
)
def test_a_role_is_handed_out_by_whoever_holds_all_that_it_holds(acme, holder, name, refused):
    if refused:
        with pytest.raises(Forbidden):
            handing_out.refuse_stronger_roles(holder, acme, ["member", name])
    else:
        handing_out.refuse_stronger_roles(holder, acme, ["member", name])


def test_another_organizations_role_of_the_same_name_says_nothing_here(acme, globex):
    roles.define(globex, "trader", capabilities=["record.read"], actor=SETUP)
    roles.define(acme, "trader", capabilities=[], actor=SETUP)
    handing_out.refuse_stronger_roles(NOBODY, acme, ["trader"])
    with pytest.raises(Forbidden):
        handing_out.refuse_stronger_roles(NOBODY, globex, ["trader"])
