"""The Django application of the clock: registers its alarm clock and its connectors with the floors below."""

from django.apps import AppConfig


class TasksConfig(AppConfig):
    """Jobs and their timetable."""

    name = "tasks"
    verbose_name = "Clock"

    def ready(self) -> None:
        """Have the sequencer and whoever reads directories or metadata woken after commits, and make the kinds of directories known."""
        from audit.record import on_recorded  # models are there only now
        from identity import directory_kinds, drift, forgetting, jobs, moves, sync_wake
        from saml import fetches
        from tasks import bundle_contents
        from tasks.connectors import CONNECTORS
        from tasks.connectors.interface import kind_of
        from tasks.sync.drift import find
        from tasks.sync.erasure import forget
        from tasks.sync.moved import forget as forget_moved
        from tasks.timetable import TIMETABLE
        from tasks.wake import wake, wake_directory, wake_for_metadata

        on_recorded(wake)
        sync_wake.woken_by(wake_directory)
        fetches.woken_by(wake_for_metadata)
        forgetting.on_erase(forget)
        moves.on_move(forget_moved)
        bundle_contents.register()
        jobs.expect({entry.job: entry.seconds for entry in TIMETABLE})
        drift.found_by(find)
        for connector in CONNECTORS:
            directory_kinds.register(kind_of(connector))
