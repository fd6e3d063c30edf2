"""Reads a directory one page ahead: while a page is staged, the next one is on its way."""

import contextvars
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from tasks.connectors.interface import Page


def read(pages: Iterator[Page]) -> Generator[Page]:
    """Give the pages in their order, with the next one being read meanwhile in a thread of its own: one more page in memory.

    What `pages` raises is raised in its turn, behind the pages before it. Closed early, it waits for what is being read and closes `pages`
    too, so that a connector lets go of its connections.
    """
    context = contextvars.copy_context()
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:

        def ask() -> Future[Page | None]:
            return thread.submit(lambda: context.run(lambda: next(pages, None)))

        following = ask()
        try:
            while (page := following.result()) is not None:
                following = ask()
                yield page
        finally:
            # The thread does one thing after the other, so this is behind whatever it is at.
            if isinstance(pages, Generator):
                thread.submit(context.run, pages.close).result()
