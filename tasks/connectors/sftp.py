"""A file fetched by SFTP: the server's key pinned, the newest of a pattern, and only once nobody writes to it any more."""

import asyncio
import fnmatch
import stat
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import PurePosixPath
from typing import IO, Any, BinaryIO, Final, cast
from urllib.parse import unquote, urlsplit

import asyncssh

from identity.directory_kinds import Missing
from identity.outbound import Unreachable as NotReached
from identity.outbound import addresses_of
from tasks.connectors.faults import Misconfigured, Unauthorized, Unreachable

SECONDS_MAX: Final = 30
# The transfer as a whole; a larger file than a line carries in that time belongs into the watched folder.
TRANSFER_SECONDS_MAX: Final = 1800
BYTES_MAX: Final = 1024 * 1024 * 1024
_CHUNK: Final = 256 * 1024


def download(url: str, host_key: str, credentials: Mapping[str, Any]) -> BinaryIO:
    """Return the file behind `sftp://user@host[:port]/path` as a temporary one that is gone when it is closed. Raises Fault.

    The last part of the path may be a pattern (`people-*.csv`): the last of the matching names in their order is taken. `host_key` is a
    line as `ssh-keyscan` prints it, with or without the host.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 22
    except ValueError as error:
        raise Misconfigured("The address is like sftp://user@host/folder/people-*.csv.") from error
    if parts.scheme != "sftp" or not host or not parts.username or parts.path in {"", "/"}:
        raise Misconfigured("The address is like sftp://user@host/folder/people-*.csv.")
    trusted, own = _keys(host_key, credentials)
    try:
        addresses = addresses_of(host, port)
    except NotReached as error:
        raise Unreachable(f"{host} cannot be reached: {error}.") from error
    options = asyncssh.SSHClientConnectionOptions(
        username=unquote(parts.username), password=credentials["sftp_password"] or None, client_keys=own, known_hosts=([trusted], [], []),
        config=None, agent_path=None, connect_timeout=SECONDS_MAX, login_timeout=SECONDS_MAX,
    )  # fmt: skip
    with ExitStack() as stack:
        target = cast("IO[bytes]", stack.enter_context(tempfile.TemporaryFile()))
        asyncio.run(
            asyncio.wait_for(
                _fetch(addresses, port, options, unquote(parts.path), target), TRANSFER_SECONDS_MAX
            )
        )
        target.seek(0)
        stack.pop_all()  # from here on the caller closes it
    return cast("BinaryIO", target)


async def _fetch(
    addresses: Sequence[str],
    port: int,
    options: asyncssh.SSHClientConnectionOptions,
    path: str,
    target: IO[bytes],
) -> None:
    where = f"{addresses[-1]}:{port}"
    try:
        async with (
            await _connected(addresses, port, options) as connection,
            connection.start_sftp_client() as client,
        ):
            await _copy(client, await _chosen(client, path), target)
    except asyncssh.HostKeyNotVerifiable as error:
        raise Misconfigured(
            f"The server at {where} shows another host key than the one that is pinned: if it was changed on purpose, pin the new one."
        ) from error
    except asyncssh.PermissionDenied as error:
        missing = [Missing("sign in", "the SFTP server's account: its password or authorized key")]
        raise Unauthorized("The SFTP server refuses the user with this password or key.", missing) from error
    except asyncssh.SFTPPermissionDenied as error:
        raise Unauthorized(
            "The user may not read the file.", [Missing("read", "the file's rights on the SFTP server")]
        ) from error
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
        raise Misconfigured(f"There is no {path}.") from error
    except (OSError, asyncssh.Error, TimeoutError) as error:
        raise Unreachable(
            f"The SFTP server at {where} does not answer: {str(error)[:200] or type(error).__name__}."
        ) from error


async def _connected(
    addresses: Sequence[str], port: int, options: asyncssh.SSHClientConnectionOptions
) -> asyncssh.SSHClientConnection:
    """Return a connection to the first of the addresses that takes one. Raises what the last one does."""
    *others, last = addresses
    for address in others:
        with suppress(OSError):
            return await asyncssh.connect(address, port, options=options)
    return await asyncssh.connect(last, port, options=options)


async def _chosen(client: asyncssh.SFTPClient, path: str) -> str:
    pattern = PurePosixPath(path)
    if not set(pattern.name) & set("*?["):
        return path
    names = [str(name) for name in await client.listdir(str(pattern.parent))]
    matching = sorted(name for name in names if fnmatch.fnmatchcase(name, pattern.name))
    if not matching:
        raise Misconfigured(f"Nothing matches {path}.")
    return str(pattern.parent / matching[-1])


async def _copy(client: asyncssh.SFTPClient, path: str, target: IO[bytes]) -> None:
    before = await client.stat(path)
    if stat.S_ISDIR(before.permissions or 0):
        raise Misconfigured(
            f"{path} is a folder: name the file, or a pattern as {path.rstrip('/')}/people-*.csv."
        )
    if before.size is not None and before.size > BYTES_MAX:
        raise Misconfigured(f"{path} has more than {BYTES_MAX} bytes: lay it into the watched folder.")
    copied, size = 0, before.size or 0
    async with client.open(path, "rb") as source:
        # Not beyond the size it had: a file that grows as fast as it is read would have no end.
        while copied < size and (chunk := await source.read(min(_CHUNK, size - copied))):
            copied += target.write(cast("bytes", chunk))
    after = await client.stat(path)
    if (before.size, before.mtime, copied) != (after.size, after.mtime, size):
        raise Unreachable(f"{path} is being written: the run will look again.")


def _keys(host_key: str, credentials: Mapping[str, Any]) -> tuple[asyncssh.SSHKey, list[asyncssh.SSHKey]]:
    # A line as it stands is taken too: the first word is the host then, and the key what follows it.
    text = host_key or ""
    trusted = None
    for line in (text, text.strip().partition(" ")[2]):
        with suppress(asyncssh.KeyImportError):
            trusted = trusted or asyncssh.import_public_key(line)
    if trusted is None:
        raise Misconfigured("Pin the server's host key: a line as `ssh-keyscan` prints it.")
    own: list[asyncssh.SSHKey] = []
    if credentials["sftp_private_key"]:
        with suppress(asyncssh.KeyImportError):
            own = [asyncssh.import_private_key(credentials["sftp_private_key"])]
        if not own:
            raise Misconfigured(
                "The private key cannot be read: it must be in OpenSSH's or PEM form, without a passphrase."
            )
    return trusted, own
