"""The quirk doctor's page: who calls a directory, what they get wrong, and where to click to cure it."""

from typing import Any, Final
from uuid import UUID

from django.http import HttpResponse

from console.access import Visit
from console.answers import page
from console.directories import find
from scim import doctor
from scim.errors import Code

_DAYS: Final = (1, doctor.DAYS_DEFAULT, 30)


def show(visit: Visit, directory: UUID) -> HttpResponse:
    """Examine the directory by its request log of the last days."""
    found = find(visit, directory)
    asked = visit.request.GET.get("days", "")
    days = next((number for number in _DAYS if asked == str(number)), doctor.DAYS_DEFAULT)
    report = doctor.examine(found, days=days)
    refusals = {code.value for code in Code} | {"crashed"}
    findings: list[tuple[doctor.Finding, str]] = [
        (each, "notice" if each.kind == "notice" else "code" if each.code in refusals else "")
        for each in report.findings
    ]
    values: dict[str, Any] = {
        "directory": found,
        "report": report,
        "problems": [row for row in findings if row[0].kind == "problem"],
        "notices": [row for row in findings if row[0].kind == "notice"],
        "days": days,
        "choices": _DAYS,
        "listed_max": doctor.LISTED_MAX,
        "requests_max": doctor.REQUESTS_MAX,
        "here": "doctor",
    }
    return page(visit, "doctor.html", values)
