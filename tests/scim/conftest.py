"""The cast of SCIM: acme's Okta as a client, people whom it made, changes of one moment, and what is kept about how many there are."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from identity.models import Directory
from tests.scim.moment import Moment
from tests.scim.talk import Scim

_COUNTED = """
SELECT count(*), count(*) FILTER (WHERE member.state = 'active')
  FROM identity_link AS link JOIN identity_member AS member ON member.id = link.member_id
 WHERE link.directory_id = %s AND link.tombstoned_at IS NULL"""
_KEPT = "SELECT COALESCE(sum(people), 0)::int, COALESCE(sum(active), 0)::int FROM identity_directorysize WHERE directory_id = %s"
# Where each stretch begins: by what is kept, and counted off.
_BEGINNINGS = """
SELECT (SELECT COALESCE(sum(people), 0) FROM identity_stretch AS other
         WHERE other.directory_id = %(directory)s AND other.first < stretch.first)
     + (SELECT COALESCE(sum(difference), 0) FROM identity_stretchstep
         WHERE directory_id = %(directory)s AND member_id < stretch.first),
       (SELECT count(*) FROM identity_link
         WHERE directory_id = %(directory)s AND member_id < stretch.first AND tombstoned_at IS NULL)
  FROM identity_stretch AS stretch WHERE directory_id = %(directory)s"""


@pytest.fixture
def idp(okta) -> Scim:
    """Give acme's Okta as a client."""
    return Scim(okta)


@pytest.fixture
def people(idp) -> list[str]:
    """Give four people whom Okta made."""
    return [idp.create(f"{name}@acme.example")["id"] for name in "abcd"]


@pytest.fixture
def moment(db, okta) -> Iterator[Moment]:
    """Give what sends changes of Okta's in one moment."""
    with ThreadPoolExecutor(12) as pool:
        yield Moment(okta.secret, pool)


@pytest.fixture
def agree(eraser, okta) -> Callable[..., tuple[int, int]]:
    """Compare what is kept with what is there, and return it: people, and active ones."""

    def compared(directory: Directory = okta.directory) -> tuple[int, int]:
        counted = eraser.execute(_COUNTED, [directory.pk]).fetchone()
        assert eraser.execute(_KEPT, [directory.pk]).fetchone() == counted
        for kept, there in eraser.execute(_BEGINNINGS, {"directory": directory.pk}).fetchall():
            assert kept == there
        return counted

    return compared
