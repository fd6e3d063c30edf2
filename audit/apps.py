"""Django's entry to the record."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    """The lowest floor: everything may import it, it imports nobody."""

    name = "audit"
    verbose_name = "Record"

    def ready(self) -> None:
        """Renew the application role's rights after each migration."""
        from audit.privileges import grant_to_application

        post_migrate.connect(grant_to_application, sender=self, dispatch_uid="audit.privileges")
