"""Whatever is looked up by fits an index row, in any script; what is too long is refused or kept in the profile alone."""

import os

import pytest

from identity import groups, members
from identity.errors import Invalid
from tests.conftest import SETUP, join


def noise(bytes_of_text):
    """Four bytes a character, and nothing that PostgreSQL could compress."""
    return "".join(chr(0x10000 + int.from_bytes(os.urandom(2))) for _ in range(bytes_of_text // 4))


@pytest.mark.parametrize("size", [1024, 1028, 4096, 40_000])
def test_names_are_taken_up_to_their_limit_and_refused_beyond(acme, okta, size):
    for act in (
        lambda text: members.provision(acme, user_name=text, directory=okta.directory, actor=SETUP),
        lambda text: members.provision(
            acme, user_name="x", external_id=text, directory=okta.directory, actor=SETUP
        ),
        lambda text: groups.create(acme, display_name=text, directory=okta.directory, actor=SETUP),
        lambda text: groups.create(
            acme, display_name="g", external_id=text, directory=okta.directory, actor=SETUP
        ),
    ):
        if size <= 1024:
            act(noise(size))
        else:
            with pytest.raises(Invalid, match="1024 bytes"):
                act(noise(size))


def test_letters_that_grow_when_they_are_folded_still_fit(acme):
    with pytest.raises(Invalid):
        members.provision(acme, user_name="\U0001d160" * 256, actor=SETUP)  # 1,024 bytes, 3,072 when folded


def test_a_long_name_or_address_is_kept_in_the_profile(acme):
    profile = {"displayName": noise(40_000), "emails": [{"value": noise(40_000) + "@acme.example"}]}
    member = members.change(join(acme, "jane"), profile=profile, actor=SETUP)
    assert (member.profile, member.email, len(member.display_name)) == (profile, "", 256)


def test_pending_names_of_any_length_are_parked(acme, okta):
    group = groups.create(acme, display_name="Staff", directory=okta.directory, actor=SETUP)
    _, delta = groups.change(group, add=[noise(40_000)], actor=SETUP)
    assert len(delta.pending) == 1
