"""Verbs on directories that are pulled: set up, given credentials and files, paused, tested. Reading them is the clock's (tasks/sync)."""

import hashlib
import io
import zlib
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson
from django.conf import settings as configuration
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, record
from identity import directories, directory_kinds, pull_settings, secrets, sync_wake, tenancy
from identity.directory_kinds import Verdict
from identity.errors import Invalid, NotFound, TooMany
from identity.first_access import Wanted
from identity.models import Directory, Organization, Pull

EVERY_MINUTES_DEFAULT: Final = 60
EVERY_MINUTES: Final = (5, 7 * 24 * 60)
FILE_BYTES_MAX: Final = 64 * 1024 * 1024
_FILE_NAME_LENGTH_MAX: Final = 200


def create(
    organization: Organization,
    *,
    actor: Actor,
    kind: str,
    name: str,
    settings: Mapping[str, Any] | None = None,
    credentials: Mapping[str, Any] | None = None,
    references: Mapping[str, str] | None = None,
    every_minutes: int = EVERY_MINUTES_DEFAULT,
    defaults: Mapping[str, Any] | None = None,
) -> Pull:
    """Create a directory that is pulled; its first run is due at once, and waits for somebody to look at its plan.

    `references` {credential: where it was found} are kept for whoever writes the directory out again.
    Raises Invalid, NameTaken.
    """
    known = directory_kinds.kind_of(kind)
    directories.check_name(name)
    pull_settings.check(kind, settings or {})
    directory_kinds.check(known.credentials, credentials or {}, "credentials")
    _check_every(every_minutes)
    Wanted.parse(defaults or {})
    with tenancy.change(organization):
        directory = Directory(
            organization=organization, kind=kind, name=name, settings=dict(settings or {}), defaults=dict(defaults or {}),
        )  # fmt: skip
        directory.save(force_insert=True)
        pull = Pull(
            organization=organization, directory=directory, every_minutes=every_minutes, due_at=timezone.now(),
            credentials=_sealed(organization, directory, credentials or {}),
            references=None if references is None else dict(references),
        )  # fmt: skip
        pull.save(force_insert=True)
        record(
            Event.DIRECTORY_CREATE,
            organization_id=organization.pk,
            actor=actor,
            subject=directories.subject_of(directory),
            changes={"kind": [None, kind], "name": [None, name], "every_minutes": [None, every_minutes]},
        )
    return pull


def change(
    pull: Pull,
    *,
    actor: Actor,
    credentials: Mapping[str, Any] | None = None,
    references: Mapping[str, str] | None = None,
    every_minutes: int | None = None,
) -> Pull:
    """Replace the credentials, or change how often the directory is read; its settings are directories.change. Raises Invalid.

    `references` come with credentials, as for `create`: others that come without them leave none behind.
    """
    with tenancy.change(pull.organization_id):
        locked = _lock(pull)
        changes: dict[str, Any] = {}
        if credentials is not None:
            known = directory_kinds.kind_of(locked.directory.kind)
            directory_kinds.check(known.credentials, credentials, "credentials")
            if dict(credentials) != credentials_of(locked):
                locked.credentials = _sealed(locked.organization_id, locked.directory, credentials)
                locked.failures = 0
                # That they changed is news; what they are is nobody's.
                changes["credentials"] = [None, "replaced"]
            found_at = None if references is None else dict(references)
            if found_at != locked.references:
                changes["references"] = [locked.references, found_at]
                locked.references = found_at
        if every_minutes is not None and every_minutes != locked.every_minutes:
            _check_every(every_minutes)
            changes["every_minutes"] = [locked.every_minutes, every_minutes]
            locked.every_minutes = every_minutes
            if locked.due_at is not None:
                locked.due_at = min(locked.due_at, timezone.now() + timedelta(minutes=every_minutes))
        if changes:
            locked.save(update_fields=["credentials", "references", "every_minutes", "failures", "due_at"])
            _record(Event.DIRECTORY_CHANGE, locked, actor, changes)
    return locked


def put_file(pull: Pull, content: bytes, name: str, *, actor: Actor) -> Pull:
    """Keep a file to be read by the next run, which is due at once. Raises Invalid, TooMany."""
    if not directory_kinds.kind_of(pull.directory.kind).takes_file:
        raise Invalid("This kind of directory reads no file.", field="file")
    if not content:
        raise Invalid("The file is empty.", field="file")
    if len(content) > FILE_BYTES_MAX:
        raise TooMany(
            f"A file has at most {FILE_BYTES_MAX} bytes: lay it into the watched folder.", field="file"
        )
    with tenancy.change(pull.organization_id):
        locked = _lock(pull)
        place = _place(locked, "file")
        locked.file = secrets.seal(locked.organization_id, place, zlib.compress(content, 1))
        locked.file_name = name.replace("\0", "")[:_FILE_NAME_LENGTH_MAX]
        locked.file_at = timezone.now()
        if locked.paused_at is None:
            locked.due_at = locked.file_at
        locked.save(update_fields=["file", "file_name", "file_at", "due_at"])
        _record(
            Event.DIRECTORY_CHANGE,
            locked,
            actor,
            {"file": [None, locked.file_name]},
            {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()},
        )
        sync_wake.after_commit(locked.organization_id, locked.directory_id)
    return locked


def pause(pull: Pull, *, actor: Actor) -> Pull:
    """Read the directory no more until somebody resumes it; a run on its way goes on (cancel it apart)."""
    return _set_paused(pull, True, actor=actor)


def resume(pull: Pull, *, actor: Actor) -> Pull:
    """Read the directory again, first at once."""
    return _set_paused(pull, False, actor=actor)


def test(pull: Pull) -> Verdict:
    """Try the connection; it takes as long as the directory, half a minute at most."""
    kind = directory_kinds.kind_of(pull.directory.kind)
    file = file_of(pull) if kind.takes_file else None
    return kind.test(pull.directory.settings, credentials_of(pull), file)


def of(directory: Directory) -> Pull:
    """Return how the directory is pulled. Raises NotFound for one that pushes."""
    with tenancy.of(directory.organization_id):
        found = (
            Pull.objects.select_related("directory")
            .filter(organization=directory.organization_id, directory=directory)
            .first()
        )
    if found is None:
        raise NotFound("This directory is not pulled: it pushes by SCIM.")
    return found


def credentials_of(pull: Pull) -> dict[str, Any]:
    """Return the opened credentials: for the connector alone."""
    opened = secrets.open_(pull.organization_id, _place(pull, "credentials"), bytes(pull.credentials))
    return orjson.loads(opened)  # type: ignore[no-any-return]


def file_of(pull: Pull) -> BinaryIO | None:
    """Return the file to read: the one in the watched folder if the settings name it, else the one uploaded. Raises Invalid."""
    path = pull.directory.settings.get("file_path")
    if path:
        return _watched(pull, path)
    if pull.file is None:
        return None
    return io.BytesIO(
        zlib.decompress(secrets.open_(pull.organization_id, _place(pull, "file"), bytes(pull.file)))
    )


def _set_paused(pull: Pull, paused: bool, *, actor: Actor) -> Pull:  # noqa: FBT001 - private, named by its callers
    with tenancy.change(pull.organization_id):
        locked = _lock(pull)
        if (locked.paused_at is not None) == paused:
            return locked
        now = timezone.now()
        locked.paused_at, locked.due_at = (now, None) if paused else (None, now)
        locked.save(update_fields=["paused_at", "due_at"])
        _record(Event.SYNC_PAUSE if paused else Event.SYNC_RESUME, locked, actor, {})
        if not paused:
            sync_wake.after_commit(locked.organization_id, locked.directory_id)
    return locked


def _watched(pull: Pull, path: str) -> BinaryIO | None:
    if not configuration.ROLLCALL_WATCHED_FOLDER:
        raise Invalid(
            "This server watches no folder: set ROLLCALL_WATCHED_FOLDER.", field="settings.file_path"
        )
    # Each organization has a folder of its own by its id, which nobody can point out of.
    root = (Path(configuration.ROLLCALL_WATCHED_FOLDER) / str(pull.organization_id)).resolve()
    wanted = (root / path).resolve()
    if not wanted.is_relative_to(root):
        raise Invalid("The file lies outside the organization's folder.", field="settings.file_path")
    with suppress(FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return wanted.open("rb")
    return None


def _sealed(organization: Any, directory: Directory, credentials: Mapping[str, Any]) -> bytes:
    organization_id = getattr(organization, "pk", organization)
    return secrets.seal(organization_id, f"pull:{directory.pk}:credentials", orjson.dumps(dict(credentials)))


def _place(pull: Pull, field: str) -> str:
    return f"pull:{pull.directory_id}:{field}"


def _lock(pull: Pull) -> Pull:
    return Pull.objects.select_for_update(of=("self",)).select_related("directory").get(pk=pull.pk)


def _check_every(every_minutes: object) -> None:
    least, most = EVERY_MINUTES
    if (
        isinstance(every_minutes, bool)
        or not isinstance(every_minutes, int)
        or not least <= every_minutes <= most
    ):
        raise Invalid(
            f"every_minutes is a whole number from {least} to {most}.", field="schedule.every_minutes"
        )


def _record(
    event: Event, pull: Pull, actor: Actor, changes: Mapping[str, Any], data: Mapping[str, Any] | None = None
) -> None:
    record(
        event, organization_id=pull.organization_id, actor=actor, subject=directories.subject_of(pull.directory),
        changes=changes, data=data or {},
    )  # fmt: skip
