"""Start a program as an ordinary user when we are root, because PostgreSQL refuses to run as root.

The program and its data may lie below a directory that only root may enter (a clone in /root). We do not open that directory to
everybody behind its owner's back; in that case the process keeps a single capability of root's, to search and read.
"""

import ctypes
import os
import pwd
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

from config.children import die_with_parent
from config.embedded.state import EmbeddedError

PR_SET_KEEPCAPS: Final = 8
PR_SET_SECUREBITS: Final = 28
SECBIT_NO_SETUID_FIXUP: Final = 1 << 2
PR_CAP_AMBIENT: Final = 47
PR_CAP_AMBIENT_RAISE: Final = 2
CAP_DAC_OVERRIDE: Final = 1
CAP_DAC_READ_SEARCH: Final = 2
CAPABILITY_VERSION_3: Final = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def user_for(directory: Path) -> tuple[int, int] | None:
    """Give (uid, gid) to run as for data in the directory; None when we are an ordinary user already."""
    if os.geteuid() != 0:
        return None
    if directory.exists() and (owner := directory.stat()).st_uid != 0:
        return owner.st_uid, owner.st_gid
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    message = "Running as root needs a user named postgres or nobody to run PostgreSQL as; there is neither."
    raise EmbeddedError(message)


def become(user: tuple[int, int] | None, *needed: Path, tied: bool = False) -> Callable[[], None] | None:
    """Give the function that turns a forked child into the user, before it executes the program.

    `needed` are the paths that the program must be able to reach. `tied` stops it when we die (PostgreSQL takes
    SIGINT as "end now, cleanly"); that must be arranged after the change of user, which forgets it.
    """
    tie = die_with_parent(signal.SIGINT) if tied else None
    if user is None:
        return tie
    libc = ctypes.CDLL(
        None, use_errno=True
    )  # loaded before the fork: the child must not import or allocate much
    uid, gid = user
    keep = _capability() if any(_closed_to(uid, gid, path) for path in needed) else None

    def drop() -> None:
        if keep is not None:
            # Else access(2), by which PostgreSQL finds its own programs, knows of no capability in an ordinary user.
            # Who lacks CAP_SETPCAP is refused; data alone may lie below the directory then.
            libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
            _check(libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        if keep is not None:
            bit = 1 << keep
            sets = (_Sets * 2)(_Sets(bit, bit, bit), _Sets(0, 0, 0))
            _check(libc.capset(ctypes.byref(_Header(CAPABILITY_VERSION_3, 0)), sets))
            _check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, keep, 0, 0))
        os.umask(0o077)
        if tie is not None:
            tie()

    return drop


def _closed_to(uid: int, gid: int, path: Path) -> bool:
    """Tell whether some directory above the path may not be entered by the user."""
    for parent in path.resolve().parents:
        status = parent.stat()
        shift = 6 if status.st_uid == uid else 3 if status.st_gid == gid else 0
        if not status.st_mode >> shift & 1:
            return True
    return False


def _capability() -> int:
    """Choose the weakest capability that we hold: containers often lack CAP_DAC_READ_SEARCH."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    held = next((int(line.split()[1], 16) for line in lines if line.startswith("CapPrm")), 0)
    return CAP_DAC_READ_SEARCH if held >> CAP_DAC_READ_SEARCH & 1 else CAP_DAC_OVERRIDE


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), "could not keep the capability to reach the data directory")
