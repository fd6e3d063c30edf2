"""Which organization the running transaction works for; PostgreSQL shows the rows of no other.

Outside these blocks no tenant row is visible: row-level security compares every row with a setting that lives as
long as the transaction (`set_config(…, true)`), so that nothing can leak into the next user of the connection.
Why: docs/decisions/tenants-by-row-level-security.md, docs/decisions/verbs-join-transactions.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db import connection as default_connection

from audit.schema import EVERYWHERE_SETTING, ORGANIZATION_SETTING
from identity.errors import refusal_of
from identity.models import Organization
from identity.postgresql.base import DatabaseWrapper, Later
from identity.postgresql.flush import Statement

_SET = f"SELECT set_config('{ORGANIZATION_SETTING}', %s, true), set_config('{EVERYWHERE_SETTING}', %s, true)"
_NOWHERE = ("", "")
# For whom a statement works that is asked as a directory: in SQL that is written before anybody knows who asks (`read_as`, tokens.find).
DIRECTORY_SETTING = "rollcall.directory"
TOKEN_SETTING = "rollcall.token"  # noqa: S105 - the name of a setting, whose value is an id
ORGANIZATION = f"NULLIF(current_setting('{ORGANIZATION_SETTING}', true), '')::uuid"
DIRECTORY = f"NULLIF(current_setting('{DIRECTORY_SETTING}', true), '')::uuid"
TOKEN = f"NULLIF(current_setting('{TOKEN_SETTING}', true), '')::uuid"
_SET_ASKING = f"SELECT set_config('{DIRECTORY_SETTING}', %s, true), set_config('{TOKEN_SETTING}', %s, true)"
_SET_ALL = f"{_SET}, {_SET_ASKING.removeprefix('SELECT ')}, set_config('plan_cache_mode', %s, true)"
_SET_PLANNED = f"{_SET_ASKING}, set_config('plan_cache_mode', %s, true)"
_PLANNED_ONCE = "SELECT set_config('plan_cache_mode', 'force_generic_plan', true)"
_PLANNED_AS_EVER = "SELECT set_config('plan_cache_mode', 'auto', true)"
_ATTRIBUTE = "rollcall_tenant"
connection = cast("DatabaseWrapper", default_connection)


@contextmanager
def of(organization: Organization | UUID) -> Iterator[None]:
    """Work for one organization: opens a transaction, or joins the open one where that works for the same organization."""
    tenant = (str(organization.pk if isinstance(organization, Organization) else organization), "")
    if connection.in_atomic_block and getattr(connection, _ATTRIBUTE, _NOWHERE) == tenant:
        yield
        return
    with _set(tenant):
        yield


@contextmanager
def opened() -> Iterator[None]:
    """Open the transaction of `whole` before anybody knows for whom: the first question begins it, and may be the one who asks.

    Everything within stands or falls as one, and a refusal must leave it. What is asked as somebody (`read_as`) sees their organization
    alone, as ever.
    """
    connection.stands_as_one = True
    try:
        with _refusing(), transaction.atomic():
            yield
    finally:
        connection.stands_as_one = False


@contextmanager
def whole(organization: Organization | UUID) -> Iterator[None]:
    """Open a transaction that stands or falls as one: the verbs in it set no savepoints. Refusals are those of `change`.

    For a caller that lets every refusal out: whoever caught one and went on would be stopped by Django at the next statement. Within
    a transaction that is open already it is one savepoint, at whose end everything in it is done or refused.
    """
    if connection.stands_as_one:
        with change(organization):
            yield
        return
    outermost = not connection.in_atomic_block
    connection.stands_as_one = True
    try:
        with change(organization) if outermost else _savepoint(organization):
            yield
    finally:
        connection.stands_as_one = False


@contextmanager
def _savepoint(organization: Organization | UUID) -> Iterator[None]:
    with _refusing(), transaction.atomic(), of(organization):
        yield
        connection.validate_no_broken_transaction()
        # What was queued is refused here, and not with the first statement of whatever comes after it.
        connection.flush()


def read(
    organization: Organization | UUID, sql: str, parameters: Sequence[Any] | Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """Return the rows of one statement for one organization, within the open transaction or else by one round trip.

    The setting and the statement are sent together, and what is sent together is one transaction (PostgreSQL, "Pipeline Mode").
    """
    if connection.in_atomic_block:
        with of(organization):
            return asked(sql, parameters)
    tenant = str(organization.pk if isinstance(organization, Organization) else organization)
    return connection.ask(Statement(_SET, (tenant, "")), Statement(sql, parameters))[1]


def read_everywhere(
    why: str, sql: str, parameters: Sequence[Any] | Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """Return the rows of one statement over all organizations, as `everywhere` allows it, by one round trip."""
    if connection.in_atomic_block:
        with everywhere(why):
            return asked(sql, parameters)
    return connection.ask(Statement(_SET, ("", "on")), Statement(sql, parameters))[1]


def read_as(
    organization: Organization | UUID, directory: UUID, token: UUID, statement: Statement
) -> list[tuple[Any, ...]]:
    """Return the rows of a statement in which ORGANIZATION, DIRECTORY and TOKEN stand for who asks; in one round trip as `read`."""
    if connection.in_atomic_block:
        with of(organization):
            connection.ahead(_SET_ASKING, (str(directory), str(token)))
            return asked(statement.sql, statement.parameters)
    tenant = str(organization.pk if isinstance(organization, Organization) else organization)
    asking = Statement(_SET_ALL, (tenant, "", str(directory), str(token), statement.plan))
    return connection.ask(asking, statement)[1]


def read_several_as(
    organization: Organization, directory: UUID, token: UUID, statements: Sequence[Statement]
) -> list[list[tuple[Any, ...]]]:
    """Return the rows of each of some statements of `read_as`, by one round trip in the transaction that is open."""
    with of(organization):
        asking = Statement(_SET_PLANNED, (str(directory), str(token), statements[0].plan))
        # What follows in the transaction is planned as ever.
        return connection.ask(asking, *statements, Statement(_PLANNED_AS_EVER))[1:-1]


def read_later_as(organization: Organization, directory: UUID, token: UUID, statement: Statement) -> Later:
    """Queue a statement of `read_as` in the open transaction: its rows are there once the next one has been asked."""
    with of(organization):
        connection.ahead(_SET_ASKING, (str(directory), str(token)))
        return connection.later(statement)


@contextmanager
def change(organization: Organization | UUID) -> Iterator[None]:
    """Open the transaction of a verb. Within another one it is a savepoint, so that a refused verb leaves nothing behind.

    Within `whole` it is none: there a refusal takes everything back.

    A constraint that refuses becomes the Refusal that it stands for: verbs insert and let the database decide, since
    looking first would be a race.
    """
    with _refusing():
        if connection.stands_as_one and connection.in_atomic_block:
            with of(organization), _as_one():
                yield
        elif connection.in_atomic_block:
            with transaction.atomic(), of(organization):
                yield
        else:
            with of(organization):
                yield


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn what a constraint refuses into its refusal."""
    try:
        yield
    except IntegrityError as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        raise refusal from error


@contextmanager
def everywhere(why: str) -> Iterator[None]:
    """Work across organizations: the one exception. `why` says to the reader what for, as "token look-up"."""
    if not why:
        message = "tenancy.everywhere() wants its reason."
        raise ValueError(message)
    with _set(("", "on")):
        yield


@contextmanager
def _set(tenant: tuple[str, str]) -> Iterator[None]:
    before = getattr(connection, _ATTRIBUTE, _NOWHERE) if connection.in_atomic_block else _NOWHERE
    is_within = connection.stands_as_one and connection.in_atomic_block
    with _as_one() if is_within else transaction.atomic():
        _apply(tenant)
        kept = False
        try:
            yield
            kept = True
        finally:
            # On the way out of an error the rollback, to the savepoint or of everything, takes the setting back by itself.
            if kept and before != _NOWHERE:
                _apply(before)
            setattr(connection, _ATTRIBUTE, before)


@contextmanager
def _as_one() -> Iterator[None]:
    """Join a transaction that stands or falls as one: what `atomic(savepoint=False)` does, at a fifth of its cost."""
    done = False
    try:
        yield
        done = True
    finally:
        if not done:
            connection.needs_rollback = True


def _apply(tenant: tuple[str, str]) -> None:
    connection.ahead(_SET, tenant)
    setattr(connection, _ATTRIBUTE, tenant)


def asked(sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Return the rows of one statement in the transaction that is open; what is queued travels with it."""
    return connection.ask(Statement(sql, parameters))[0]


def asked_of_some(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Do so for a statement of arrays whose plan is good for any number; to make it anew for each, as PostgreSQL would, costs as much."""
    connection.ahead(_PLANNED_ONCE)
    return connection.ask(Statement(sql, parameters), Statement(_PLANNED_AS_EVER))[0]
