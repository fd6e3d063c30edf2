"""The Django application of the clock."""

from django.apps import AppConfig


class TasksConfig(AppConfig):
    """Jobs and their timetable."""

    name = "tasks"
    verbose_name = "Clock"
