"""The roles of the database: what web and workers may be, and how they come into being."""

import os

import psycopg
import pytest
from psycopg import sql

from config import roles
from tests.settings import SERVERS


def test_the_application_role_is_ordinary():
    assert roles.powers(SERVERS.database_url) == []
    roles.refuse_powerful(SERVERS.database_url)


@pytest.mark.parametrize(
    ("url", "power"), [(SERVERS.owner_url, "the owner"), (SERVERS.superuser_url, "a superuser")]
)
def test_powerful_roles_are_refused_by_name(url, power):
    with pytest.raises(roles.RoleError, match=power):
        roles.refuse_powerful(url)


def test_a_member_of_the_owner_is_refused_too():
    heir = f"heir_{os.getpid()}"  # a role is there for all databases, and so for other runs of the tests
    with psycopg.connect(SERVERS.superuser_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'heir' IN ROLE rollcall_owner").format(
                sql.Identifier(heir)
            )
        )
        try:
            with pytest.raises(roles.RoleError, match="the owner"):
                roles.refuse_powerful(f"postgresql://{heir}:heir@{SERVERS.owner_url.rpartition('@')[2]}")
        finally:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(heir)))


def test_an_owner_that_may_not_make_roles_says_what_to_run():
    wanted = f"postgresql://missing:secret@{SERVERS.owner_url.rpartition('@')[2]}"
    with pytest.raises(roles.RoleError, match="CREATE ROLE missing LOGIN") as refused:
        roles.create_application(SERVERS.owner_url, wanted)
    assert "secret" not in str(refused.value)


def test_the_derived_password_follows_the_secret_key():
    owner = "postgresql://boss:b%40ss@db.example:5433/rollcall?sslmode=require"
    url = roles.application_url(owner, "k" * 50)
    assert url.startswith("postgresql://rollcall_app:")
    assert url.endswith("@db.example:5433/rollcall?sslmode=require")
    assert "ss@" not in url.removesuffix("@db.example:5433/rollcall?sslmode=require")
    assert url != roles.application_url(owner, "l" * 50)
