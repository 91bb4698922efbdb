"""A late wake-up counts as every tick that it swallowed."""

from __future__ import annotations

import json

import pytest

from orchestrator.observe.hiccup_sleeper import NAP_TICKS, Tally

MS = 1_000_000


@pytest.mark.parametrize(
    ("late_ns", "ticks", "ticks_over_50_ms"),
    [
        (0, 5, 0),
        (MS - 1, 5, 0),
        (MS, 6, 0),
        (50 * MS, 55, 0),
        (50 * MS + 1, 55, 5),
        (51 * MS, 56, 5),
        (52 * MS, 57, 6),
        (300 * MS, 305, 254),
    ],
)
def test_a_wake_up_stands_for_its_nap_and_for_the_ticks_it_swallowed(
    late_ns: int, ticks: int, ticks_over_50_ms: int
) -> None:
    tally = Tally()
    assert tally.woke(late_ns) == ticks - NAP_TICKS
    assert (tally.ticks, tally.ticks_over_50_ms) == (ticks, ticks_over_50_ms)
    # The same by its definition: the nap's ticks, then a sleeper for each tick.
    lateness = [late_ns] * (NAP_TICKS - 1)
    lateness += [late_ns - swallowed * MS for swallowed in range(late_ns // MS + 1)]
    assert ticks == len(lateness)
    assert ticks_over_50_ms == sum(late > 50 * MS for late in lateness)


def test_a_report_holds_the_sum_and_the_worst() -> None:
    tally = Tally()
    for late_ns in (1000, 3 * MS, 2000):
        tally.woke(late_ns)
    assert json.loads(tally.line(7)) == {
        "t_ns": 7,
        "ticks": 18,
        "ticks_over_50_ms": 0,
        "max_us": 3000,
    }
