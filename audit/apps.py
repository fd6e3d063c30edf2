"""Django's entry to the record."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    """The lowest floor: everything may import it, it imports nobody."""

    name = "audit"
    verbose_name = "Record"

    def ready(self) -> None:
        """Renew what the application's role may do after each migration."""
        from audit.privileges import renew

        post_migrate.connect(renew, sender=self, dispatch_uid="audit.privileges")
