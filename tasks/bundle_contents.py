"""What directory sync adds to the bundle of an organization."""

from identity.bundle_contents import File, add, leave_out
from tasks.models import Known, MissingGroup, StagedGroup, StagedMembership, StagedPage, StagedPerson


def register() -> None:
    """Add this floor's files."""
    add(File("known_people", Known), File("missing_groups", MissingGroup))
    transient = "what a run has read of a directory and not yet carried out"
    leave_out(dict.fromkeys((StagedPage, StagedPerson, StagedGroup, StagedMembership), transient))
