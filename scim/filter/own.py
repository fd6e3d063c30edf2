"""How ids and times of ours are compared: as answers show them, so that what was shown is found again."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

# As an answer shows a time: in UTC, cut to the millisecond.
SHOWN_TIME: Final = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""


def id_is(sql: str, value: str, parameters: list[Any]) -> str:
    """Write that an id is this one, in whatever case: databases of clients hand it back in capitals."""
    try:
        parameters.append(UUID(value))
    except ValueError:
        # No resource has an id like that.
        return "FALSE"
    return f"{sql} = %s"


def time_is(sql: str, operator: str, when: datetime, parameters: list[Any]) -> str:
    """Compare a time that is kept finer than it is shown, by bounds, which an index serves. `operator`: eq, gt, ge, lt, le."""
    shown = when.replace(microsecond=when.microsecond // 1000 * 1000)
    is_shown = shown == when
    if operator == "eq" and not is_shown:
        return "FALSE"
    here, behind = "%s", "%s + interval '1 millisecond'"
    parameters.append(shown)
    if operator == "eq":
        parameters.append(shown)
        return f"({sql} >= {here} AND {sql} < {behind})"
    bound = here if is_shown and operator in {"ge", "lt"} else behind
    return f"{sql} {'>=' if operator in {'gt', 'ge'} else '<'} {bound}"
