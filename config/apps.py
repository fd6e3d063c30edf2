"""The Django application of the wiring: system checks and the commands up and prepare_database."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Wiring."""

    name = "config"
    verbose_name = "Rollcall"
