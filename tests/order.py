"""In which order a run goes through the files: those that take long first, so that no worker is alone with one at the end."""

import gc
from collections import Counter
from collections.abc import Generator

import pytest

# They start whole machines, kill processes or walk through everything. A name that is gone does no harm.
LONG = (
    "operations/test_production.py",
    "demo/test_tour.py",
    "operations/test_up.py",
    "api/test_schemathesis.py",
    "scim/test_oracles.py",
    "operations/test_benches.py",
    "sync/test_work.py",
    "scim/test_parallel_processes.py",
    "test_tenants.py",
    "test_arrivals.py",
    "scim/test_stretches.py",
    "tasks/test_killed_jobs.py",
    "api/test_export_memory.py",
    "bundles/test_workers.py",
    "browser/test_with_scripts.py",
    "browser/test_demonstration.py",
    "console/test_access.py",
    "sync/test_two_workers.py",
    "tasks/test_worker.py",
    # Few tests, of which each takes seconds: by their number they would come last.
    "scim/test_moments_alike.py",
    "scim/test_bulk_lots.py",
    "sync/test_parent_killed.py",
    "scim/test_very_large_groups.py",
    "deletions/test_work.py",
    "browser/test_directory_pages.py",
    "browser/test_signing_in.py",
    "browser/test_without_scripts.py",
    "browser/test_headings.py",
    "browser/test_reviews.py",
    "config/test_loading.py",
    "operations/test_command_line.py",
    "operations/test_embedded.py",
    "operations/test_slow_clients.py",
    "scim/test_differential_schemas.py",
    "scim/test_plans.py",
    "sync/test_plan_cost.py",
    "identity/test_time_travel.py",
    "saml/test_mutations.py",
    "config/test_counters.py",
    "sync/test_matching_property.py",
    "sync/test_plan_property.py",
)
_TURN = {f"tests/{name}": turn for turn, name in enumerate(LONG)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first, then the others by the number of their tests; a file's own order stays.

    Raises UsageError where two tests have one id: of these xdist would drop all but one without a word.
    """
    twice = [name for name, count in Counter(item.nodeid for item in items).items() if count > 1]
    if twice:
        raise pytest.UsageError(
            f"several tests are called {', '.join(twice[:3])}; each needs an id of its own"
        )
    tests = Counter(map(_file, items))
    items.sort(key=lambda item: (_TURN.get(_file(item), len(LONG)), -tests[_file(item)]))


def _file(item: pytest.Item) -> str:
    """Return the file by the id: pytest finds out where else an item comes from when it runs, and each worker runs a third of them."""
    return item.nodeid.partition("::")[0]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while tests are collected: nearly all that is made then stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of garbage collection: a quarter of a worker's time went into looking through it."""
    gc.collect()
    gc.freeze()
