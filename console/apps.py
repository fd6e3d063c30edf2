"""The Django application of the console."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """Pages for people."""

    name = "console"
    verbose_name = "Console"
