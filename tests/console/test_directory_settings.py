"""A directory's settings and tokens in the console."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from identity import directories, tenancy, tokens
from identity.directory_settings import effective
from identity.models import Directory, Token
from tests.conftest import SETUP
from tests.console.addresses import address
from tests.console.conftest import entries, filled_from, visit


def again(things) -> Directory:
    with tenancy.of(things.organization):
        return Directory.objects.get(pk=things.directory.pk)


def test_saving_the_form_unchanged_changes_nothing(things, ada):
    client, path = visit(ada), address("directory_change", things)
    assert client.post(path, filled_from(client, path)).status_code == 303
    assert entries(things.organization, "directory.change") == []
    assert again(things).settings == {}


def test_every_setting_is_saved_and_shown_again(things, ada):
    client, path = visit(ada), address("directory_change", things)
    values = filled_from(client, path) | {
        "idp": "entra", "rate_requests": "10", "rate_seconds": "5", "burst_members": "3", "burst_percent": "1",
        "burst_seconds": "120", "request_log_days": "7", "token_days": "30", "empties_groups": "on", "access_follows": "on",
        "deletes_suspend": "on",
        "defaults": "chosen", "roles": ["auditor"], "grants": ["portfolio\x1facme-1\x1fview"],
    }  # fmt: skip
    assert client.post(path, values).status_code == 303
    directory = again(things)
    assert directory.idp == "entra"
    assert directory.settings == {
        "rate_limit": {"requests": 10, "seconds": 5},
        "burst_guard": {"members": 3, "percent": 1, "seconds": 120},
        "request_log_days": 7,
        "token_days": 30,
        "empties_groups": True,
        "deletes_suspend": True,
        "access_follows": True,
    }
    assert directory.defaults["roles"] == ["auditor"]
    assert filled_from(client, path)["burst_percent"] == 1


def test_guard_and_limit_are_switched_off_and_on(things, ada):
    client, path = visit(ada), address("directory_change", things)
    values = filled_from(client, path)
    for name in ("rate_limit", "burst_guard"):
        values.pop(name)
    client.post(path, values)
    assert again(things).settings == {"rate_limit": None, "burst_guard": None}
    values = filled_from(client, path) | {"rate_limit": "on", "burst_guard": "on"}
    client.post(path, values)
    assert effective(again(things).settings) == effective({})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("burst_members", ""),
        ("burst_percent", "101"),
        ("burst_seconds", "59"),
        ("rate_requests", "0"),
        ("rate_seconds", "x"),
        ("request_log_days", "366"),
        ("request_log_days", ""),
        ("token_days", "1826"),
        ("idp", "nobody"),
        ("defaults", "later"),
        ("name", ""),
    ],
)
def test_a_value_out_of_bounds_is_refused_beside_its_field(things, ada, field, value):
    client, path = visit(ada), address("directory_change", things)
    answer = client.post(path, filled_from(client, path) | {field: value})
    assert answer.status_code == 400
    assert answer.context["form"].errors.keys() == {field}
    assert entries(things.organization, "directory.change") == []


def test_nobody_gives_new_people_a_role_beyond_their_own(things, acme):
    from identity import roles
    from tests.conftest import join

    roles.define(acme, "integrator", capabilities=["directories.read", "directories.write"], actor=SETUP)
    client = visit(join(acme, "ivo@acme.example", role="integrator"))
    path = address("directory_change", things)
    answer = client.post(
        path, filled_from(client, path) | {"defaults": "chosen", "roles": ["organization_admin"]}
    )
    assert answer.status_code == 400
    assert b"which you do not have." in answer.content
    assert again(things).defaults == {}


def test_the_product_that_calls_is_named_where_another_is_chosen(things, ada):
    client, path = visit(ada), address("directory_change", things)
    assert "Its requests look like Okta too." in client.get(path).content.decode()
    directories.change(things.directory, idp="entra", actor=SETUP)
    assert "Its latest requests look like <strong>Okta</strong>" in client.get(path).content.decode()


def secret_in(html: str) -> str:
    return html.split('id="secret" value="')[1].partition('"')[0]


def test_a_rotated_token_and_its_successor_both_work_until_the_old_one_ends(things, ada):
    answer = visit(ada).post(address("token_rotate", things))
    html = answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    made = tokens.find(secret_in(html)).token
    with tenancy.of(things.organization):
        old = Token.objects.get(pk=things.ids["directory_token"])
    assert made.name == old.name == "Primary"
    assert (old.expires_at - timezone.now()).days in {6, 7}
    assert (made.expires_at - made.created_at).days in {364, 365}
    (entry,) = entries(things.organization, "token.rotate")
    assert (entry.subject_id, entry.actor_id) == (str(old.pk), str(ada.pk))


def test_a_token_that_is_good_for_nothing_is_not_rotated(things, ada):
    with tenancy.of(things.organization):
        old = Token.objects.get(pk=things.ids["directory_token"])
    tokens.revoke(old, actor=SETUP)
    answer = visit(ada).post(address("token_rotate", things))
    assert answer.status_code == 400
    assert b"issue another one" in answer.content


def test_the_page_warns_before_the_last_token_ends(things, ada):
    client, path = visit(ada), address("directory", things)
    assert "The last token" not in client.get(path).content.decode()
    with time_machine.travel(timezone.now() + timedelta(days=340)):
        assert "The last token expires" in visit(ada).get(path).content.decode()
    with time_machine.travel(timezone.now() + timedelta(days=366)):
        assert "The last token has expired" in visit(ada).get(path).content.decode()


def test_the_directorys_own_life_span_is_offered_first(things, ada):
    directories.change(things.directory, settings={"token_days": 45}, actor=SETUP)
    html = visit(ada).get(address("directory", things)).content.decode()
    assert '<option value="45" selected>45 days</option>' in html
    assert (tokens.issue(again(things), actor=SETUP)[0].expires_at - timezone.now()).days == 44


def test_the_history_names_the_settings_that_were_changed(things, ada):
    client, path = visit(ada), address("directory", things)
    for settings, told in (
        ({"deletes_suspend": True}, "settings: nothing → deletes_suspend: yes"),
        ({"burst_guard": None}, "settings: deletes_suspend: yes → burst_guard: none"),
        (
            {"rate_limit": {"requests": 10, "seconds": 5}},
            "settings: burst_guard: none → seconds: 5, requests: 10",
        ),
    ):
        directories.change(again(things), settings=settings, actor=SETUP)
        assert told in client.get(path).content.decode()
