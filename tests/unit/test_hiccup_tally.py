"""A late wake-up counts as every tick that it swallowed."""

from __future__ import annotations

import json

import pytest

from orchestrator.observe.hiccup_sleeper import Tally

MS = 1_000_000


@pytest.mark.parametrize(
    ("late_ns", "ticks", "ticks_over_50_ms"),
    [
        (0, 1, 0),
        (MS - 1, 1, 0),
        (MS, 2, 0),
        (50 * MS, 51, 0),
        (50 * MS + 1, 51, 1),
        (51 * MS, 52, 1),
        (52 * MS, 53, 2),
        (300 * MS, 301, 250),
    ],
)
def test_a_wake_up_stands_for_the_ticks_it_swallowed(
    late_ns: int, ticks: int, ticks_over_50_ms: int
) -> None:
    tally = Tally()
    assert tally.woke(late_ns) == ticks
    assert (tally.ticks, tally.ticks_over_50_ms) == (ticks, ticks_over_50_ms)
    # The same by its definition: a sleeper for each tick.
    lateness = [late_ns - swallowed * MS for swallowed in range(late_ns // MS + 1)]
    assert ticks_over_50_ms == sum(late > 50 * MS for late in lateness)


def test_a_report_holds_the_sum_and_the_worst() -> None:
    tally = Tally()
    for late_ns in (1000, 3 * MS, 2000):
        tally.woke(late_ns)
    assert json.loads(tally.line(7)) == {
        "t_ns": 7,
        "ticks": 6,
        "ticks_over_50_ms": 0,
        "max_us": 3000,
    }
