"""Shows stock djangosaml2 the responses that were laid ready for it, in process, and prints what each costs of the processor."""

import os
import sys
from pathlib import Path

from in_process import measure
from stock_wsgi import application

if __name__ == "__main__":
    from django.db import connection

    folder, port = Path(os.environ["STOCK_FOLDER"]), int(sys.argv[1])
    measure(application, "/saml2/acs/", port, (folder / "warm").read_text().splitlines(), 302, connection)
    for kind in sys.argv[2:]:
        bodies = (folder / kind).read_text().splitlines()
        print(
            f"stock djangosaml2, {kind:<10} {measure(application, '/saml2/acs/', port, bodies, 302, connection)}"
        )
