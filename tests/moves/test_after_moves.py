"""After a move: what either directory says of the people that were moved."""

from identity import domains, members, moves, tenancy
from identity.models import Member
from identity.move_plan import Wanted
from tests.conftest import SETUP, again
from tests.moves.conftest import ALL, links, push
from tests.scim.talk import Scim
from tests.sync.conftest import ADA


def test_the_former_directory_neither_sees_nor_alters_nor_shuts_out(okta, entra, people):
    jane = people["a"]
    moves.move(okta.directory, entra.directory, Wanted({jane.pk: None}), actor=ADA)
    former = Scim(okta)
    assert former.get(f"/Users/{jane.pk}").status == 404
    assert (
        former.patch(f"/Users/{jane.pk}", {"op": "replace", "path": "active", "value": False}).status == 404
    )
    assert former.delete(f"/Users/{jane.pk}").status == 404
    assert former.get("/Users").body["totalResults"] == 2
    assert again(jane).state == "active"


def test_the_former_directory_cannot_bring_them_in_again_not_even_under_another_name(
    okta, entra, people, acme
):
    moves.move(okta.directory, entra.directory, Wanted({people["a"].pk: None}), actor=ADA)
    assert push(okta, "a", "jane.new@acme.example").code == "moved_away"
    assert push(okta, "z", "a@acme.example").code == "user_name_taken"
    with tenancy.of(acme):
        assert Member.objects.count() == 3


def test_a_push_of_the_new_directory_links_by_name_and_its_second_one_is_a_double(okta, entra, people):
    moves.move(okta.directory, entra.directory, ALL, actor=ADA)
    answer = push(entra, "e-a", "A@acme.example", title="CTO")
    assert (answer.status, answer.body["id"]) == (201, str(people["a"].pk))
    assert links(entra.directory)["A@acme.example"] == "e-a"
    assert push(entra, "e-a", "a@acme.example").status == 409
    waiting = moves.awaited(entra.directory)
    assert {row.user_name for row in waiting} == {"b@acme.example", "c@acme.example"}
    assert moves.awaited(entra.directory, after=waiting[0].link_id, limit=1) == waiting[1:]


def test_a_push_links_by_the_id_that_was_given_under_whatever_name(okta, entra, people):
    moves.move(okta.directory, entra.directory, Wanted({people["a"].pk: "e-1"}), actor=ADA)
    assert push(entra, "e-2", "a@acme.example").code == "user_name_taken"
    answer = push(entra, "e-1", "jane@acme.example")
    assert (answer.status, answer.body["id"]) == (201, str(people["a"].pk))
    assert again(people["a"]).user_name == "jane@acme.example"


def test_by_the_address_alone_only_in_a_proved_domain(acme, okta, entra, people):
    moves.move(okta.directory, entra.directory, ALL, actor=ADA)
    emails = [{"value": "a@acme.example", "primary": True}]
    stranger = push(entra, "e-9", "anna", emails=emails)
    assert stranger.body["id"] != str(people["a"].pk)
    domains.confirm(domains.claim(acme, "acme.example", actor=SETUP), actor=SETUP)
    emails = [{"value": "b@acme.example", "primary": True}]
    assert push(entra, "e-2", "bert", emails=emails).body["id"] == str(people["b"].pk)


def test_whom_the_new_directory_says_is_inactive_goes_out_and_nobody_comes_in(okta, entra, people):
    members.suspend(people["b"], actor=SETUP)
    moves.move(okta.directory, entra.directory, ALL, actor=ADA)
    assert push(entra, "e-a", "a@acme.example", active=False).status == 201
    assert push(entra, "e-b", "b@acme.example", active=True).status == 201
    assert (again(people["a"]).state, again(people["b"]).state) == ("suspended", "suspended")


def test_whoever_was_offboarded_stays_out_there_too(okta, entra, people):
    members.offboard(people["a"], actor=SETUP)
    moves.move(okta.directory, entra.directory, ALL, actor=ADA)
    assert push(entra, "e-a", "a@acme.example").code == "offboarded"


def test_moved_back_they_are_known_by_their_former_id(okta, entra, people):
    moves.move(okta.directory, entra.directory, ALL, actor=ADA)
    push(entra, "e-a", "a@acme.example")
    moves.move(entra.directory, okta.directory, ALL, actor=ADA)
    assert links(okta.directory) == {f"{key}@acme.example": key for key in "abc"}
    assert push(entra, "e-a", "a@acme.example").code == "moved_away"
    assert push(okta, "a").body["id"] == str(people["a"].pk)
    assert Scim(okta).get("/Users").body["totalResults"] == 3
