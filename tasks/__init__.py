"""The clock: the Celery application, its timetable and the jobs."""
