"""Play the tour against a running server; the exit code is 1 if any step is not as it should be."""

import argparse
import sys
from pathlib import Path

import httpx2

from config.environment import data_directory
from demo.tour.chapters import CHAPTERS
from demo.tour.screen import Broken, Screen
from demo.tour.stage import NotReady, Stage, prepare


def main(arguments: list[str] | None = None) -> int:
    """Play all chapters, and say how it went."""
    parser = argparse.ArgumentParser(prog="python -m demo.tour", description=__doc__)
    parser.add_argument(
        "--url", default="", help="address of the server (default: that of the demonstration)"
    )
    parser.add_argument(
        "--data", type=Path, default=data_directory(), help="the server's data directory (default: var)"
    )
    options = parser.parse_args(arguments)
    screen = Screen()
    try:
        stage = prepare(screen, options.url.rstrip("/"), options.data)
    except NotReady as missing:
        print(f"The tour cannot begin. {missing}", file=sys.stderr)
        return 2
    screen.say(f"A tour of Rollcall at {stage.url}, in an organization of its own: {stage.slug}", "1")
    try:
        return _play(stage)
    finally:
        stage.close()


def _play(stage: Stage) -> int:
    screen = stage.screen
    try:
        for number, chapter in enumerate(CHAPTERS, start=1):
            screen.chapter(number, chapter.TITLE)
            chapter.play(stage)
    except Broken:
        screen.say(f"\nThe tour ends here: {screen.steps} steps were right, the last one was not.", "31")
        return 1
    except httpx2.TransportError as error:
        screen.say(f"\nThe server did not answer: {error}. Is `make up` running?", "31")
        return 1
    screen.say(f"\nAll {screen.steps} steps were as they should be.", "32")
    return 0


if __name__ == "__main__":
    sys.exit(main())
