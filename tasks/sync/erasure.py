"""What directory sync keeps of a person goes with them, but for the directory's own id: without it the next run would bring them back."""

from identity.models import Member, Step
from tasks.models import Known, StagedPerson


def forget(member: Member) -> None:
    """Forget the names in plans, and what was read of the member and not yet carried out."""
    Step.objects.filter(organization=member.organization_id, member=member).update(label="", fields=[])
    mine = Known.objects.filter(organization=member.organization_id, member=member)
    for directory_id, external_id in mine.values_list("directory_id", "external_id"):
        StagedPerson.objects.filter(
            organization=member.organization_id, run__directory=directory_id, external_id=external_id
        ).delete()
    mine.update(digest=b"", names=[], version="")
