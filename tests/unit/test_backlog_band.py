"""What counts as a normal backlog before a kill."""

from __future__ import annotations

from orchestrator.history.backlog import Sample, backlog_band

S = 1_000_000_000
KILL_NS = 100 * S


def samples(rows: list[int], last_ns: int = KILL_NS - S) -> list[Sample]:
    """One sample a second, the last at `last_ns`."""
    return [(last_ns - (len(rows) - 1 - place) * S, count) for place, count in enumerate(rows)]


def test_it_is_the_p95_by_nearest_rank() -> None:
    assert backlog_band(samples(list(range(1, 21))), KILL_NS, 0.0) == 19
    assert backlog_band(samples(list(range(1, 22))), KILL_NS, 0.0) == 20
    assert backlog_band(samples([7]), KILL_NS, 0.0) == 7


def test_the_order_of_the_samples_does_not_matter() -> None:
    rows = [5, 1, 4, 2, 3]
    assert backlog_band(samples(rows), KILL_NS, 0.0) == backlog_band(
        samples(rows[::-1]), KILL_NS, 0
    )


def test_it_is_never_less_than_one_second_of_arrivals() -> None:
    assert backlog_band(samples([1, 2, 3]), KILL_NS, 30.0) == 30
    assert backlog_band([], KILL_NS, 30.0) == 30


def test_samples_from_the_kill_on_do_not_count() -> None:
    before = samples([4, 4])
    after = samples([900, 900], last_ns=KILL_NS + S)
    assert KILL_NS in dict(after)
    assert backlog_band([*before, *after], KILL_NS, 0.0) == 4


def test_samples_older_than_thirty_seconds_do_not_count() -> None:
    edge, older = (KILL_NS - 30 * S, 5), (KILL_NS - 30 * S - 1, 900)
    assert backlog_band([older, edge], KILL_NS, 0.0) == 5


def test_one_outlier_in_thirty_does_not_widen_it() -> None:
    assert backlog_band(samples([2] * 29 + [500]), KILL_NS, 0.0) == 2
