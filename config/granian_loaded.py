"""granian with the product loaded before it forks its processes: they share what is loaded, and one that is started anew serves at once.

Where Python does not fork (macOS), each of them loads it for itself, as granian has it otherwise.
"""

import gc
import logging
import multiprocessing
import sys
from importlib import import_module

import django
from django.conf import settings
from django.utils.module_loading import import_string
from granian.cli import entrypoint


def load() -> None:
    """Load what `config.wsgi` is made of, and all pages and calls. It opens nothing and starts no thread: a fork could use neither."""
    django.setup()
    for module in ("config.granian_threads", "config.scim_wsgi", settings.ROOT_URLCONF):
        import_module(module)
    for middleware in settings.MIDDLEWARE:
        import_string(middleware)
    # The first look for garbage would write on every object, and so on a copy of its own in each process.
    gc.collect()
    gc.freeze()


def share() -> None:
    """Fork on Linux, with every Python: from 3.14 on granian would start each process anew, beside one that has loaded all for nobody."""
    if sys.platform == "linux":
        multiprocessing.set_start_method("fork")


def keep_quiet() -> None:
    """Drop a word of warning on the number of threads: most of them are held back, and nobody could set another number."""
    logging.getLogger("_granian").addFilter(lambda record: "Python threads" not in record.getMessage())


if __name__ == "__main__":
    load()
    share()
    keep_quiet()
    entrypoint()  # type: ignore[no-untyped-call]  # granian's own have no types
