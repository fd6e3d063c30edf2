"""Somebody else's web server, on a port of this machine."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def opened(handler: type[http.server.BaseHTTPRequestHandler], **known: Any) -> Iterator[Any]:
    """Serve by the handler, which finds what is `known` at its server. `root` is the server's address, as http://localhost:1234."""
    silent = type(handler.__name__, (handler,), {"log_message": lambda *_: None})
    server: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), silent)
    server.root = f"http://localhost:{server.server_address[1]}"
    for name, value in known.items():
        setattr(server, name, value)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
