"""Django's name for this floor."""

from django.apps import AppConfig


class SamlConfig(AppConfig):
    """SAML service providers."""

    name = "saml"
    verbose_name = "SAML"
