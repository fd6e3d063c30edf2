"""Django's name for this floor."""

from django.apps import AppConfig


class SamlConfig(AppConfig):
    """SAML service providers."""

    name = "saml"
    verbose_name = "SAML"

    def ready(self) -> None:
        """Have what this floor keeps about a person forgotten when they are erased, and put into the bundle of their organization."""
        from identity import forgetting  # models are there only now
        from saml import bundle_contents
        from saml.erasure import forget

        forgetting.on_erase(forget)
        bundle_contents.register()
