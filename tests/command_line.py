"""Calls `manage.py rollcall …` in this process, as a person at the command line would."""

import io

from django.core.management import call_command


def rollcall(*arguments: object) -> tuple[int, str]:
    """Run the command and return its exit code and what it wrote."""
    out, code = io.StringIO(), 0
    try:
        call_command("rollcall", *map(str, arguments), stdout=out)
    except SystemExit as ended:
        code = int(ended.code or 0)
    return code, out.getvalue()
