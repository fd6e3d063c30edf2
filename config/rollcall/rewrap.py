"""`manage.py rollcall rewrap`: wrap every organization's data key with the new master key, so that the old one can go."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import OutputWrapper

from audit.record import Actor
from identity import secrets, tenancy
from identity.models import Organization

HELP = "Wrap all data keys with ROLLCALL_MASTER_KEY. Afterwards ROLLCALL_MASTER_KEYS_OLD can be emptied. Exits 1 if a key does not open."


def add_arguments(_parser: ArgumentParser) -> None:
    """Take nothing: a master key is changed for everybody."""


def run(out: OutputWrapper, actor: Actor, **_: Any) -> int:
    """Do it, an organization at a time; what is done is passed over when it is run again."""
    with tenancy.everywhere("the master key was changed for all organizations"):
        organizations = list(Organization.objects.order_by("slug").values_list("pk", flat=True))
    wrapped = closed = 0
    for organization in organizations:
        try:
            wrapped += secrets.rewrap(organization, actor=actor)
        except secrets.UnsealError as error:
            out.write(str(error))
            closed += 1
    out.write(f"{wrapped} of {len(organizations)} organizations: data key wrapped with the new master key.")
    if closed:
        out.write(
            f"{closed} data keys did not open: keep the old master keys, add the missing one, and run this again."
        )
        return 1
    out.write("ROLLCALL_MASTER_KEYS_OLD is not needed any more.")
    return 0
