"""Django's entry to the domain."""

from django.apps import AppConfig


class IdentityConfig(AppConfig):
    """Organizations, members, groups, resources, grants, tokens, sessions."""

    name = "identity"
    verbose_name = "Identity"
