"""What directory sync keeps of a person goes with them, but for the directory's own id: without it the next run would bring them back."""

from identity.forgetting import Person, some
from identity.models import Step
from tasks.models import Known, StagedPerson


def forget(person: Person, room: int) -> int:
    """Forget the names in plans, and what was read of the person and not yet carried out."""
    mine = Known.objects.filter(person.own)
    for directory_id, external_id in mine.values_list("directory_id", "external_id"):
        StagedPerson.objects.filter(
            organization=person.organization_id, run__directory=directory_id, external_id=external_id
        ).delete()
    mine.update(digest=b"", names=[], version="")
    return some(Step.objects.filter(person.own).exclude(label="", fields=[]), room).update(
        label="", fields=[]
    )
