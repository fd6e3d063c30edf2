"""Every refusal of the domain. Each edge turns them into its own language in one table."""

from typing import ClassVar

from django.db import DatabaseError, IntegrityError
from psycopg.errors import IdleInTransactionSessionTimeout, QueryCanceled, ReadOnlySqlTransaction


class Refusal(Exception):
    """An expected no. `code` is stable, `message` one sentence that says what to do, `field` names the input at fault."""

    code: ClassVar[str] = "refused"

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class Invalid(Refusal):
    """The input has the wrong shape or value."""

    code = "invalid"


class NotFound(Refusal):
    """Nothing of that name here: absent, or somebody else's."""

    code = "not_found"


class UserNameTaken(Refusal):
    """Another member of the organization has this user name."""

    code = "user_name_taken"


class EmailTaken(Refusal):
    """Another member has this e-mail address, and the organization wants each address once."""

    code = "email_taken"


class ExternalIdTaken(Refusal):
    """Another member or group of the directory has this external id."""

    code = "external_id_taken"


class MovedAway(Refusal):
    """An administrator moved this person to another directory: this one's word about them counts no more."""

    code = "moved_away"


class NameTaken(Refusal):
    """Another group, role, directory … has this name."""

    code = "name_taken"


class Conflict(Refusal):
    """The row is of another version than the caller saw."""

    code = "version_conflict"


class RecordWentBack(Refusal):
    """The caller has read more of the record than there is, or another one: the server was restored from a backup."""

    code = "record_went_back"


class Offboarded(Refusal):
    """The member is offboarded: only an administrator can bring them back."""

    code = "offboarded"


class SuspendedHere(Refusal):
    """An administrator suspended this member: a directory does not let them in again."""

    code = "suspended_here"


class OrganizationSuspended(Refusal):
    """The organization is suspended: nobody comes in."""

    code = "organization_suspended"


class NotSuspended(Refusal):
    """Only a suspended organization can be deleted: its people are out, and nothing is written any more."""

    code = "not_suspended"


class UnknownResource(Refusal):
    """A grant names a resource that the organization has not registered."""

    code = "unknown_resource"


class UnknownRole(Refusal):
    """A role name that the organization does not have."""

    code = "unknown_role"


class LastAdministrator(Refusal):
    """The organization would be left without an administrator."""

    code = "last_administrator"


class GroupCycle(Refusal):
    """A group would be in itself, through however many others."""

    code = "group_cycle"


class TooMany(Refusal):
    """More than the limit in one request."""

    code = "too_many"


class TooSoon(Refusal):
    """The same was asked a moment ago. `wait` is the number of seconds until it may be asked again."""

    code = "too_soon"

    def __init__(self, message: str, *, field: str = "", wait: int) -> None:
        super().__init__(message, field=field)
        self.wait = wait


class Forbidden(Refusal):
    """The actor lacks the right."""

    code = "forbidden"


_BY_CONSTRAINT: dict[str, tuple[type[Refusal], str, str]] = {
    "member_user_name": (
        UserNameTaken,
        # The commonest cause: somebody whom their identity provider renamed signs in before their directory has said so.
        (
            "Another member already has this user name. If both are one person, as where a sign-in came before their directory's change, "
            "offboard the one that it made: then the name is free."
        ),
        "user_name",
    ),
    "member_email": (EmailTaken, "Another member already has this e-mail address.", "email"),
    "link_external_id": (
        ExternalIdTaken,
        "Another member of this directory already has this external id.",
        "external_id",
    ),
    "link_member": (ExternalIdTaken, "This member is already linked to the directory.", "external_id"),
    "subject_once": (
        ExternalIdTaken,
        "Another member already has this NameID at this connection.",
        "name_id",
    ),
    "subject_of_member_once": (
        ExternalIdTaken,
        "This member already has a NameID at this connection: unlink it first.",
        "name_id",
    ),
    "group_name": (NameTaken, "Another group of this directory already has this name.", "display_name"),
    "group_external_id": (
        ExternalIdTaken,
        "Another group of this directory already has this external id.",
        "external_id",
    ),
    "directory_name": (NameTaken, "Another directory already has this name.", "name"),
    "role_name": (NameTaken, "Another role already has this name.", "name"),
    "extension_schema_urn": (NameTaken, "Another schema of the organization already has this URN.", "urn"),
    "kind_name": (NameTaken, "Another kind already has this name.", "name"),
    "domain_once_in_organization": (NameTaken, "The organization already claims this domain.", "name"),
    "domain_proved_once": (NameTaken, "Another organization has already proved this domain.", "name"),
    "invitation_open_once": (NameTaken, "This address already has an open invitation.", "email"),
    "deletion_open_once": (Conflict, "The deletion of this organization is scheduled already.", ""),
    "identity_organization_slug_key": (NameTaken, "Another organization already has this slug.", "slug"),
}


def constraint_of(error: IntegrityError) -> str:
    """Return the name of the constraint that refused, or an empty text."""
    return getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""


def was_stopped(error: BaseException | None) -> bool:
    """Tell whether PostgreSQL stopped a statement because it took too long (`statement_timeout`)."""
    return isinstance(error, DatabaseError) and isinstance(error.__cause__, QueryCanceled)


def takes_no_changes(error: BaseException | None) -> bool:
    """Tell whether PostgreSQL refused a change since it is a standby, or set to be read alone: as after a failover, or with a full disk."""
    return isinstance(error, DatabaseError) and isinstance(error.__cause__, ReadOnlySqlTransaction)


def was_left(error: BaseException | None) -> bool:
    """Tell whether PostgreSQL ended a transaction in which nothing was asked for too long: the process stood still, and goes on."""
    return isinstance(error, DatabaseError) and isinstance(error.__cause__, IdleInTransactionSessionTimeout)


def refusal_of(error: IntegrityError) -> Refusal | None:
    """Return the refusal that a constraint's name stands for; None for a constraint that no input should ever meet."""
    known = _BY_CONSTRAINT.get(constraint_of(error))
    if known is None:
        return None
    kind, message, field = known
    return kind(message, field=field)
