"""The address of the service, from which every location derives."""

from django.conf import settings


def base_url() -> str:
    """Return it, without a slash at its end."""
    return f"{settings.ROLLCALL_PUBLIC_URL}/scim/v2"
