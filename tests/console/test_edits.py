"""Two people at one form: nobody undoes unseen what somebody else has saved since."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections as databases
from django.forms import Form
from django.test import Client
from django.utils import timezone

from identity import deadlines, directories, members, organizations, pulls, roles, sign_on, tenancy
from identity.models import Directory, Organization
from saml import connections
from tests.conftest import SETUP, again, join
from tests.console.addresses import address
from tests.console.conftest import filled_from, visit

SETTINGS = "/o/acme/settings"


def opened(client: Client, path: str) -> dict[str, object]:
    """Give what a browser would send of a form that it has opened."""
    (carried,) = re.findall(r'name="shown" value="([^"]+)"', client.get(path).content.decode())
    return filled_from(client, path) | {"shown": carried}


def sent_again(form: Form) -> dict[str, object]:
    """Give what a browser would send of a form that came back."""
    return dict(form.data.lists()) | {"shown": form.shown}


def now(organization: Organization) -> Organization:
    with tenancy.of(organization):
        return Organization.objects.get(pk=organization.pk)


def test_a_second_save_does_not_undo_the_first(things, ada):
    client = visit(ada)
    values = opened(client, SETTINGS)
    organizations.change(things.organization, actor=SETUP, grace_days=7, email_unique=True)
    answer = client.post(SETTINGS, values | {"session_hours": "9"})
    form = answer.context["form"]
    assert answer.status_code == 400
    assert now(things.organization).session_hours == 24
    assert form.overtaken == ("Grace period (days)", "One member for each e-mail address")
    # What was typed is kept, what was not touched is as it stands by now.
    assert [form[name].value() for name in ("session_hours", "grace_days", "email_unique")] == [
        "9",
        "7",
        True,
    ]
    told = [(line.actor, line.event) for line in answer.context["meanwhile"]]
    assert told == [(SETUP.label, "organization.change")]
    assert SETUP.label in answer.content.decode()
    assert client.post(SETTINGS, sent_again(form)).status_code == 303
    saved = now(things.organization)
    assert (saved.grace_days, saved.email_unique, saved.session_hours) == (7, True, 9)


def test_what_both_have_changed_is_asked_and_then_the_second_has_their_way(things, ada):
    client = visit(ada)
    values = opened(client, SETTINGS)
    organizations.change(things.organization, actor=SETUP, grace_days=7)
    form = client.post(SETTINGS, values | {"grace_days": "45"}).context["form"]
    assert form.errors["grace_days"] == ["Saved meanwhile: 7. Save again to put yours in its place."]
    assert form["grace_days"].value() == "45"
    assert client.post(SETTINGS, sent_again(form)).status_code == 303
    assert now(things.organization).grace_days == 45


def test_a_form_that_was_overtaken_twice_is_asked_twice(things, ada):
    client = visit(ada)
    values = opened(client, SETTINGS)
    organizations.change(things.organization, actor=SETUP, grace_days=7)
    form = client.post(SETTINGS, values | {"grace_days": "45"}).context["form"]
    organizations.change(things.organization, actor=SETUP, grace_days=8)
    assert client.post(SETTINGS, sent_again(form)).status_code == 400
    assert now(things.organization).grace_days == 8


def test_both_having_chosen_the_same_is_no_news(things, ada):
    client = visit(ada)
    values = opened(client, SETTINGS)
    organizations.change(things.organization, actor=SETUP, grace_days=7)
    assert client.post(SETTINGS, values | {"grace_days": "7"}).status_code == 303


def test_of_two_who_save_at_once_the_second_is_asked(things, ada):
    others = [visit(ada), visit(ada)]
    values = opened(others[0], SETTINGS)

    def save(place: int) -> int:
        try:
            changed = ({"grace_days": "3"}, {"session_hours": "3"})[place]
            return others[place].post(SETTINGS, values | changed).status_code
        finally:
            databases.close_all()

    with ThreadPoolExecutor(2) as both:
        assert sorted(both.map(save, (0, 1))) == [303, 400]


def test_roles_that_somebody_gave_meanwhile_are_not_taken_unseen(things, ada):
    client, path = visit(ada), address("member_roles", things)
    (seen,) = re.findall(r'name="seen" value="([^"]+)"', client.get(path).content.decode())
    roles.replace(things.member, ["auditor"], actor=SETUP)
    assert client.post(path, {"role": ["member"], "seen": seen}).status_code == 400
    assert roles.names_of(things.member) == ["auditor"]


def test_who_does_not_say_what_was_shown_is_not_asked_and_nonsense_breaks_nothing(things, ada):
    client = visit(ada)
    values = opened(client, SETTINGS)
    organizations.change(things.organization, actor=SETUP, grace_days=7)
    assert client.post(SETTINGS, values | {"shown": ":: nobody:1 grace_days"}).status_code == 400
    assert client.post(SETTINGS, values | {"shown": ""}).status_code == 303
    assert now(things.organization).grace_days == 30


def test_who_may_not_read_the_record_is_not_told_who_it_was(acme):
    roles.define(acme, "settler", capabilities=["organization.write"], actor=SETUP)
    client = visit(join(acme, "sam@acme.example", role="settler"))
    values = opened(client, SETTINGS)
    organizations.change(acme, actor=SETUP, grace_days=7)
    answer = client.post(SETTINGS, values)
    assert answer.status_code == 400
    assert SETUP.label not in answer.content.decode()


def change_directory(things):
    directories.change(things.directory, actor=SETUP, settings={"token_days": 3})


def change_pull(things):
    with tenancy.of(things.organization):
        pulled = Directory.objects.get(pk=things.ids["pulled"])
    pulls.change(pulls.of(pulled), actor=SETUP, every_minutes=77)


def change_connection(things):
    found = connections.get(things.organization, things.ids["connection"])
    connections.change(found, actor=SETUP, join="invited")


def change_mapping(things):
    found = connections.get(things.organization, things.ids["connection"])
    connections.change(found, actor=SETUP, attribute_mapping={"email": ["NameID"]})


def change_sign_on(things):
    sign_on.change(things.organization, actor=SETUP, sso_identifier="acme.example")


def change_profile(things):
    profile = {**again(things.member).profile, "title": "Head of bread"}
    members.change(things.member, actor=SETUP, profile=profile)


def change_end(things):
    deadlines.schedule_end(things.member, timezone.now() + timedelta(days=9), actor=SETUP)


@pytest.mark.parametrize(
    ("page", "change"),
    [
        ("directory_change", change_directory),
        ("directory_change", change_pull),
        ("connection_change", change_connection),
        ("connection_mapping", change_mapping),
        ("sign_on", change_sign_on),
        ("member_profile", change_profile),
        ("member_end", change_end),
    ],
)
def test_every_form_of_settings_notices(page, change, things, ada):
    client, path = visit(ada), address(page, things)
    if change is change_pull:
        path = path.replace(str(things.ids["directory"]), str(things.ids["pulled"]))
    values = opened(client, path)
    change(things)
    form = client.post(path, values).context["form"]
    assert len(form.overtaken) == 1
    assert client.post(path, sent_again(form)).status_code == 303
    assert client.post(path, opened(client, path)).status_code == 303


def test_a_connection_that_changes_while_its_metadata_is_loaded_is_not_overwritten(things, ada, monkeypatch):
    client, path = visit(ada), address("connection_change", things)
    values = opened(client, path)

    def slow(wanted, _load):
        change_connection(things)
        return wanted

    monkeypatch.setattr("console.connections.policy.loaded", slow)
    answer = client.post(path, values)
    assert answer.status_code == 400
    assert "Somebody has changed the connection in this moment" in answer.content.decode()
    assert connections.get(things.organization, things.ids["connection"]).join == "invited"
