"""Migrate an empty database with a fifth of the work: each model is made anew when it changes, and not with all that are related to it.

Why: docs/decisions/first-migration.md.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.state import ProjectState


@contextmanager
def changed_models_alone(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Have Django's migrations render only the model that an operation changes, if the database has no tables yet.

    Django renders with it whatever is related over any number of steps, which is nearly everything of ours: 5,062 models in place of a few
    hundred, six seconds of the processor. What makes a table looks at its own model and at the columns that it refers to. Models related by
    an old rendering could mislead code that moves rows (RunPython), so a database that may have any is migrated in Django's way; and
    the tests compare the schemas of both.
    """
    with connection.cursor() as cursor:
        if connection.introspection.table_names(cursor):
            yield
            return
    find = ProjectState._find_reload_model  # type: ignore[attr-defined]  # noqa: SLF001 - there is no public way
    ProjectState._find_reload_model = _itself  # type: ignore[attr-defined]  # noqa: SLF001
    try:
        yield
    finally:
        ProjectState._find_reload_model = find  # type: ignore[attr-defined]  # noqa: SLF001


def _itself(_state: ProjectState, app_label: str, model_name: str, *_: bool) -> set[tuple[str, str]]:
    return {(app_label, model_name)}
