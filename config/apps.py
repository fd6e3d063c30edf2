"""The Django application of the wiring."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Wiring: lets the metrics hear of what is recorded."""

    name = "config"
    verbose_name = "Rollcall"

    def ready(self) -> None:
        """Register the counters of the record."""
        from audit.record import on_counted  # models are there only now
        from config.metrics import count_entries

        on_counted(count_entries)
