"""A system that lacks something is told so, before anything runs half."""

import subprocess
import sys

import pytest

from config.environment import ROOT
from tests.operations.machine import bare_environment
from tests.ports import free_port
from tests.waiting import PATIENCE

# In a mount namespace of its own; nobody else's /dev/shm changes.
WITHOUT_SEMAPHORES = [
    "unshare", "--map-root-user", "--mount", "sh", "-c", 'mount -t tmpfs -o ro tmpfs /dev/shm && exec "$@"', "sh",
]  # fmt: skip


@pytest.mark.parametrize("command", ["work", "up"])
def test_a_system_without_semaphores_is_told_so(command, tmp_path):
    """Celery ends then with "No such file or directory", and is started again for ever beside a console that looks well."""
    if subprocess.run([*WITHOUT_SEMAPHORES, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may make no mount namespace")
    more = [f"--port={free_port()}", f"--data={tmp_path / 'data'}", "--empty"] if command == "up" else []
    result = subprocess.run(
        [*WITHOUT_SEMAPHORES, sys.executable, str(ROOT / "manage.py"), command, *more],
        env=bare_environment(ROLLCALL_DEBUG="true", ROLLCALL_DATA=str(tmp_path / "data")),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert result.returncode == 1
    assert (
        "Workers need the system's semaphores, and it gives none: [Errno 30] Read-only file system"
        in result.stderr
    )
