"""A connection that follows its identity provider: each sign-in replaces what it gave before, and nothing that an administrator said."""

import pytest

from identity import grants, groups, resources, roles, tenancy
from identity.grants import GrantSpec
from identity.models import Group, Member, Membership
from tests.api.client import token_of
from tests.conftest import SETUP, join
from tests.saml.door import Browser, connect, entries, last_attempt, prove

pytestmark = pytest.mark.usefixtures("db")
EMAIL = {"email": "jane@acme.example"}
DEFAULTS = {"grants": [{"kind": "portfolio", "id": "p3", "permission": "view"}], "roles": ["member"]}


@pytest.fixture
def browser(acme, ada):
    prove(acme, "acme.example")
    resources.register(acme, [{"kind": "portfolio", "id": f"p{n}"} for n in (1, 2, 3)], actor=SETUP)
    return Browser(connect(acme, follows=["roles", "grants"], defaults=DEFAULTS))


def come(browser, **asserted):
    names = {"portfolio": "permissions:portfolio", "roles": "roles"}
    attributes = EMAIL | {names[name]: values for name, values in asserted.items()}
    response = browser.sign_in(attributes=attributes)
    assert response.status_code == 303
    return held(browser.connection.organization)


def jane(acme):
    with tenancy.of(acme):
        return Member.objects.get(organization=acme, user_name="jane@acme.example")


def held(acme):
    with tenancy.of(acme):
        mine = {f"{grant.resource.key}:{grant.permission}" for grant in grants.open_grants(jane(acme))}
    return mine | set(roles.names_of(jane(acme)))


def test_each_sign_in_replaces_what_was_asserted_before(browser):
    assert come(browser, portfolio=["p1:view"], roles=["auditor"]) == {"p1:view", "auditor"}
    assert come(browser, portfolio=["p2:edit"], roles=["member_manager"]) == {"p2:edit", "member_manager"}
    assert come(browser, portfolio=["p2:edit"], roles=["member_manager"]) == {"p2:edit", "member_manager"}


def test_an_attribute_left_out_withdraws_what_it_gave(browser):
    come(browser, portfolio=["p1:view"], roles=["auditor"])
    assert come(browser) == set()


def test_an_attribute_never_sent_leaves_the_defaults(browser):
    assert come(browser, roles=["auditor"]) == {"auditor", "p3:view"}
    assert come(browser, roles=["auditor"]) == {"auditor", "p3:view"}
    assert come(browser) == {"p3:view"}


def test_what_an_administrator_gave_confirmed_or_took_away_stays(acme, browser):
    come(browser, portfolio=["p1:view"], roles=["auditor"])
    grants.replace(jane(acme), [GrantSpec("portfolio", "p2", "view")], actor=SETUP)
    roles.replace(jane(acme), ["auditor", "member_manager"], actor=SETUP)
    given = {"p2:view", "auditor", "member_manager"}
    assert come(browser, portfolio=["p1:view"], roles=["member"]) == given | {"member"}
    assert come(browser) == given


def test_without_the_setting_the_first_sign_in_stands(acme):
    prove(acme, "acme.example")
    browser = Browser(connect(acme))
    assert come(browser, roles=["auditor"]) == {"auditor"}
    assert come(browser, roles=["member_manager"]) == {"auditor"}


def test_one_aspect_alone_can_follow(acme, ada):
    prove(acme, "acme.example")
    resources.register(acme, [{"kind": "portfolio", "id": f"p{n}"} for n in (1, 2)], actor=SETUP)
    browser = Browser(connect(acme, follows=["roles"]))
    come(browser, portfolio=["p1:view"], roles=["auditor"])
    assert come(browser, portfolio=["p2:view"]) == {"p1:view"}


def test_what_names_nothing_is_shown_each_time(acme, browser):
    come(browser, roles=["auditor"])
    come(browser, roles=["emperor"], portfolio=["p9:view"])
    steps = [step["step"] for step in last_attempt(acme).steps if "refused" in step["step"]]
    assert steps == ["access refused: portfolio p9 view (unknown)", "access refused: role emperor (unknown)"]


@pytest.mark.parametrize("asserted", [{}, {"roles": ["auditor"]}], ids=["left out", "other roles"])
def test_the_last_administrator_is_not_asserted_away(acme, browser, asserted):
    come(browser, roles=["organization_admin"])
    with tenancy.of(acme):
        ada = Member.objects.get(organization=acme, user_name="ada@acme.example")
    from identity import members

    members.offboard(ada, actor=SETUP)
    assert come(browser, **asserted) == {"organization_admin", "p3:view", *asserted.get("roles", [])}
    assert last_attempt(acme).steps[-2]["step"].startswith("access kept: role organization_admin")


def test_the_setting_is_shown_changed_and_checked(acme, browser, ada):
    api = token_of(ada)
    path = f"/organizations/acme/connections/{browser.connection.pk}"
    assert api.get(path).json()["follows"] == ["roles", "grants"]
    assert api.patch(path, {"follows": ["grants"]}).json()["follows"] == ["grants"]
    assert api.patch(path, {"follows": []}).json()["follows"] == []
    for wrong in (["shoes"], "roles", ["roles", "roles", "roles"]):
        assert api.patch(path, {"follows": wrong}).status_code == 400


def test_another_member_is_untouched(acme, browser):
    bob = join(acme, "bob@acme.example", role="auditor")
    come(browser, roles=["member_manager"])
    come(browser)
    assert roles.names_of(bob) == ["auditor"]


def in_groups(acme):
    with tenancy.of(acme):
        open_ones = Membership.objects.filter(member=jane(acme), ended_at__isnull=True)
        return sorted(open_ones.values_list("group__display_name", flat=True))


@pytest.fixture
def grouped(acme, ada, okta):
    prove(acme, "acme.example")
    for name in ("Sales", "Staff", "Board"):
        groups.create(acme, display_name=name, actor=SETUP)
    groups.create(acme, display_name="Pushed", directory=okta.directory, external_id="g1", actor=SETUP)
    return Browser(connect(acme, follows=["groups"]))


def join_groups(browser, *names):
    asserted = {"groups": list(names)} if names else {}
    assert browser.sign_in(attributes=EMAIL | asserted).status_code == 303
    return in_groups(browser.connection.organization)


def test_own_groups_follow_by_name_and_directories_keep_theirs(grouped):
    assert join_groups(grouped, "SALES", "Staff", "Pushed", "Nobody knows") == ["Sales", "Staff"]
    assert join_groups(grouped, "Staff", "Board") == ["Board", "Staff"]
    assert join_groups(grouped) == []


def test_a_group_that_an_administrator_put_somebody_into_stays(acme, grouped):
    join_groups(grouped, "Sales")
    with tenancy.of(acme):
        board = Group.objects.get(display_name="Board")
    groups.change(board, add=[str(jane(acme).pk)], actor=SETUP)
    assert join_groups(grouped, "Board") == ["Board"]
    assert join_groups(grouped) == ["Board"]


def test_groups_are_left_alone_without_the_setting(acme):
    prove(acme, "acme.example")
    groups.create(acme, display_name="Sales", actor=SETUP)
    assert join_groups(Browser(connect(acme)), "Sales") == []


def test_the_same_groups_again_write_nothing(acme, grouped):
    join_groups(grouped, "Sales")
    before = len(entries(acme, "group.change"))
    join_groups(grouped, "Sales")
    assert len(entries(acme, "group.change")) == before
