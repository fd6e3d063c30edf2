"""Ask our own web server whether everything is up."""

import http.client
import time
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

from config.supervisor import Supervisor

PAUSE_SECONDS: Final = 0.1
ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound to


def wait_until_ready(bind: str, port: int, seconds: float, supervisor: Supervisor) -> bool:
    """Tend the children until `/readyz` answers 200; False when told to stop. Says so when it takes too long."""
    deadline = time.monotonic() + seconds
    while not supervisor.stopping:
        if _ready(ANY_ADDRESS.get(bind, bind), port):
            return True
        if time.monotonic() > deadline:
            supervisor.tell(
                f"Not everything is up after {seconds:.0f} s; /readyz and the logs say what is missing."
            )
            deadline = float("inf")
        supervisor.tick()
        time.sleep(PAUSE_SECONDS)
    return False


def _ready(host: str, port: int) -> bool:
    public = urlsplit(settings.ROLLCALL_PUBLIC_URL)
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        # As our own proxy would ask: with the public name, which is the only one allowed in production.
        connection.request(
            "GET", "/readyz", headers={"Host": public.netloc, "X-Forwarded-Proto": public.scheme}
        )
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
