"""Django's entry to the domain."""

from django.apps import AppConfig


class IdentityConfig(AppConfig):
    """Organizations, members, groups, resources, grants, tokens, sessions."""

    name = "identity"
    verbose_name = "Identity"

    def ready(self) -> None:
        """Let queries ask for what is among very many values."""
        from identity.postgresql import among  # noqa: F401 - to load it is to register it
