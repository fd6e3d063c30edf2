"""Django's entry to SCIM."""

from django.apps import AppConfig


class ScimConfig(AppConfig):
    """The door for identity providers: stands on identity and audit, knows nothing of SAML."""

    name = "scim"
    verbose_name = "SCIM"
