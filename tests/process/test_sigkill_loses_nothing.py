"""A SIGKILL costs at most the write that was under way; the check itself can fail."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.benchmarks.kill_series import Found, kill_series

KILLS = 100
SERIES = 20
"""At most so many series of kills, until a bad emitter is caught."""


@pytest.fixture(scope="module", params=[1, 2], ids=["seed 1", "seed 2"])
def seed(request: pytest.FixtureRequest) -> int:
    """Two draws of the instants."""
    chosen: int = request.param
    return chosen


def test_a_hundred_sigkills_lose_no_event_and_tear_no_line(seed: int) -> None:
    found = kill_series(KILLS, seed=seed)
    assert found.kills == KILLS
    assert found.received > KILLS, "the children hardly spoke: the kills prove nothing"
    assert (found.killed_with_loss, found.killed_with_surplus, found.torn) == (0, 0, 0)


def first_series(speaker: str, caught: Callable[[Found], bool]) -> Found:
    """Kills in series of 30 until one catches the speaker: what a kill hits is chance."""
    for series in range(SERIES):
        found = kill_series(30, speaker, seed=1 + series)
        if caught(found):
            return found
    pytest.fail(f"{SERIES} series of 30 kills have not caught the {speaker} emitter")


def test_an_emitter_that_buffers_is_caught() -> None:
    first_series("buffering", lambda found: found.killed_with_loss > 0)


def test_an_emitter_that_needs_two_writes_a_line_is_caught() -> None:
    first_series("tearing", lambda found: found.torn > 0)
