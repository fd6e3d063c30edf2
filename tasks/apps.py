"""The Django application of the clock: has the sequencer woken after each commit that recorded something."""

from django.apps import AppConfig


class TasksConfig(AppConfig):
    """Jobs and their timetable."""

    name = "tasks"
    verbose_name = "Clock"

    def ready(self) -> None:
        """Register the alarm clock."""
        from audit.record import on_recorded  # models are there only now
        from tasks.wake import wake

        on_recorded(wake)
