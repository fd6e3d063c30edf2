"""A download of any length holds one page in memory and no transaction open."""

import tracemalloc

import pytest
from django.db import connection

from audit import sequencer
from audit.events import Event
from audit.record import Line, Subject, record_all
from identity import tenancy
from tests.api.client import token_of
from tests.conftest import SETUP

MEGABYTE = 1024 * 1024
# Ten pages, of which the first two say what the others may need.
ENTRIES = 5000
FIRST = 1000


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_long_download_stays_in_flat_memory(acme, ada, form):
    with tenancy.change(acme):
        record_all(
            Line(
                Event.MEMBER_CHANGE,
                acme.pk,
                SETUP,
                Subject("member", str(number), str(number)),
                changes={"title": ["x" * 600, "y" * 600]},
            )
            for number in range(ENTRIES)
        )
    api = token_of(ada)
    sequencer.run()
    answer = api.get(f"/organizations/acme/entries.{form}", event="member.change")
    pieces = iter(answer.streaming_content)
    tracemalloc.start()
    try:
        lines = size = 0
        early = 0
        for piece in pieces:
            lines += 1
            size += len(piece)
            assert not connection.in_atomic_block
            if lines == FIRST:
                early = tracemalloc.get_traced_memory()[1]
                tracemalloc.reset_peak()
        late = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert lines == ENTRIES + (form == "csv")
    assert size > 5 * MEGABYTE
    # The first pages need their rows and the driver's buffers; five times as many need no more.
    assert late < early + MEGABYTE // 2, (early, late)
    assert late < 4 * MEGABYTE, (late, size)
