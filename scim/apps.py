"""Django's entry to SCIM."""

from django.apps import AppConfig


class ScimConfig(AppConfig):
    """The door for identity providers: stands on identity and audit, knows nothing of SAML."""

    name = "scim"
    verbose_name = "SCIM"

    def ready(self) -> None:
        """Have what this floor keeps about a person forgotten when they are erased, and put into the bundle of their organization."""
        from identity import forgetting  # models are there only now
        from scim import bundle_contents
        from scim.erasure import forget

        forgetting.on_erase(forget)
        bundle_contents.register()
