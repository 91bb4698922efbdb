"""What was planned and is missing: which jobs and which kills, and how many of them are named."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from analysis.checks.plan import missing_enqueues, missing_kills, nothing_enqueued
from analysis.history.history import History
from analysis.history.job_ids import RawJobIds
from orchestrator.history.records import EnqueueFailed, FaultInjected
from orchestrator.history.targets import WorkerTarget
from orchestrator.scenario.faults import Fault, Kill
from orchestrator.scenario.triggered import When
from orchestrator.scenario.types import Scenario
from tests.unit.stand_in_history import stand_in
from worker_child.names import held_job_id, stream_job_id
from worker_child.protocol import Note


class Enqueues:
    """The jobs that were put into the queue, by their numbers."""

    def __init__(self, job: np.ndarray) -> None:
        self.job = job

    def __len__(self) -> int:
        return len(self.job)


def history_of(
    *job_ids: str,
    refused: Sequence[str] = (),
    stream: int = 0,
    held: int = 0,
    ended: str = "completed",
    lines: Sequence[Any] = (),
) -> History:
    """Of these jobs that came into the queue, and so many of the stream and held that should."""
    raw = RawJobIds()
    numbers = raw.numbers(job_ids)
    jobs = raw.settled([numbers])
    return stand_in(
        *(EnqueueFailed(1, job_id, "rejected", 1, 1) for job_id in refused),
        *lines,
        end=SimpleNamespace(ended=ended, stream_jobs=stream, held_jobs=held),
        jobs=jobs,
        enqueues=Enqueues(jobs.settle(numbers)),
    )


def told(*job_ids: str, **planned: Any) -> list[str]:
    return missing_enqueues(history_of(*job_ids, **planned))


def missing(count: int, named: str) -> list[str]:
    return [
        f"{count} planned jobs have neither a job_enqueued nor an enqueue_failed line: {named}."
    ]


def stream(*indices: int) -> list[str]:
    return [stream_job_id(index) for index in indices]


@pytest.mark.parametrize(
    ("came", "planned", "count", "named"),
    [
        ([0, 1, 2], 3, 0, ""),
        ([0, 1], 3, 1, "j000002"),
        ([1, 2], 3, 1, "j000000"),
        ([0, 2, 4], 5, 2, "j000001, j000003"),
        ([], 3, 3, "j000000, j000001, j000002"),
        ([], 4, 4, "j000000, j000001, j000002, ..."),
        ([0, 3, 4, 5, 6, 7, 8, 9], 12, 4, "j000001, j000002, j000010, ..."),
        ([1, 2, 3, 4], 5, 1, "j000000"),
        ([2, 0], 3, 1, "j000001"),
        ([0, 0, 2], 3, 1, "j000001"),
    ],
)
def test_of_the_stream_the_first_three_that_never_came_are_named_and_all_are_counted(
    came: list[int], planned: int, count: int, named: str
) -> None:
    found = told(*stream(*came), stream=planned)
    assert found == (missing(count, named) if count else [])


def test_a_job_behind_the_stream_stands_for_none_of_it() -> None:
    assert told(*stream(1, 2), stream=2) == missing(1, "j000000")
    assert told(*stream(0, 1, 2), stream=2) == [], "another check tells of jobs never planned"


def test_a_refused_job_is_not_missing() -> None:
    assert told(*stream(0), refused=stream(1), stream=2) == []
    assert told(*stream(1), refused=stream(1), stream=2) == missing(1, "j000000")
    assert told(refused=["nonsense", "h000000"], stream=1) == missing(1, "j000000")


def test_a_stream_may_have_more_than_ten_million_jobs() -> None:
    """Those beyond are not read in bulk."""
    planned = 10_000_001
    assert told("j10000000", stream=planned) == missing(
        10_000_000, "j000000, j000001, j000002, ..."
    )
    assert told("j10000000", *stream(0), stream=planned) == missing(
        9_999_999, "j000001, j000002, j000003, ..."
    )


@pytest.mark.parametrize("strange", ["jx1", "j", "x10000000"])
def test_an_id_that_is_no_number_stands_for_no_job_of_the_stream(strange: str) -> None:
    assert told(strange, "j000000", stream=2) == missing(1, "j000001")


def test_what_a_job_fans_out_is_planned_with_it() -> None:
    assert told(*stream(0), "j000000/0", "j000000/1", stream=1) == []
    assert told("j000000/0", stream=1) == missing(1, "j000000")


@pytest.mark.parametrize(
    ("came", "planned", "count", "named"),
    [
        ([0, 1], 2, 0, ""),
        ([1], 2, 1, "h000000"),
        ([0], 2, 1, "h000001"),
        ([1, 2], 2, 1, "h000000"),
        ([], 3, 3, "h000000, h000001, h000002"),
        ([], 4, 4, "h000000, h000001, h000002, ..."),
    ],
)
def test_held_jobs_that_never_came_are_counted_and_named_as_well(
    came: list[int], planned: int, count: int, named: str
) -> None:
    found = told(*map(held_job_id, came), held=planned)
    assert found == (missing(count, named) if count else [])


def test_held_jobs_and_the_streams_are_two_rows_of_jobs() -> None:
    assert told("h000000", "j000000", stream=1, held=1) == []
    assert told("h000000", stream=1, held=1) == missing(1, "j000000")
    assert told("j000000", stream=1, held=1) == missing(1, "h000000")
    assert told(stream=2, held=2) == missing(4, "j000000, j000001, h000000, ...")
    assert told(refused=["h000000", "j000000"], stream=1, held=1) == []


@pytest.mark.parametrize("strange", ["h", "heap", "h0000001", "h00000\u0661", "x000001"])
def test_an_id_that_only_looks_like_a_held_jobs_stands_for_none(strange: str) -> None:
    assert told("h000000", strange, held=2) == missing(1, "h000001")


def test_a_held_job_is_known_by_all_its_digits() -> None:
    held = 100_001
    assert told("h100000", held=held) == missing(100_000, "h000000, h000001, h000002, ...")


def test_of_a_run_that_was_cut_not_every_job_is_known() -> None:
    unfinished = history_of(stream=3)
    cast(Any, unfinished).end = None

    assert told(stream=3, ended="interrupted") == []
    assert missing_enqueues(unfinished) == []
    assert list(nothing_enqueued(unfinished)) == []
    assert list(missing_kills(unfinished, scenario(Kill(at_s=1.0)))) == []


@pytest.mark.parametrize(
    ("came", "planned", "count"),
    [
        ([], (2, 1), 3),
        ([], (2, 0), 2),
        ([], (1, 1), 2),
        ([], (0, 1), 1),
        ([], (0, 0), None),
        (["j000000"], (2, 1), None),
    ],
)
def test_where_jobs_were_planned_and_none_came_there_is_nothing_to_judge(
    came: list[str], planned: tuple[int, int], count: int | None
) -> None:
    of_stream, held = planned
    found = list(nothing_enqueued(history_of(*came, stream=of_stream, held=held)))
    sentence = f"None of the {count} planned jobs came into the queue: there is nothing to judge."
    assert found == ([] if count is None else [sentence])


def scenario(*faults: Fault) -> Scenario:
    return cast(Scenario, SimpleNamespace(faults=faults))


def kill(fault: int) -> FaultInjected:
    return FaultInjected(9, fault, "kill", WorkerTarget(0, 0, 7), True, "timed", False, 9, {})


def unsent(*lines: Any, faults: Sequence[Fault], ended: str = "completed") -> list[str]:
    return list(missing_kills(history_of(lines=lines, ended=ended), scenario(*faults)))


NEVER_SENT = "Kills planned for an instant were never sent, and no note says why: {}."
TWO = (Kill(at_s=2.0), Kill(at_s=1.0))


def test_every_kill_that_was_planned_for_an_instant_was_sent() -> None:
    assert unsent(kill(0), kill(1), faults=TWO) == []
    assert unsent(kill(0), faults=TWO) == [NEVER_SENT.format("1")]
    assert unsent(kill(1), faults=TWO) == [NEVER_SENT.format("0")]
    assert unsent(faults=TWO) == [NEVER_SENT.format("0, 1")]
    assert unsent(faults=TWO, ended="interrupted") == []


def test_a_kill_that_waits_for_a_state_may_never_come() -> None:
    waiting = Kill(when=When(completed=3))

    assert unsent(faults=[waiting]) == []
    assert unsent(faults=[waiting, Kill(at_s=1.0)]) == [NEVER_SENT.format("1")]
    assert unsent(kill(1), faults=[waiting, Kill(at_s=1.0)]) == []


@pytest.mark.parametrize(
    ("code", "explained"), [("not_settled", True), ("fault_not_due", True), ("another", False)]
)
def test_only_a_note_about_faults_says_why_a_kill_was_left_out(code: str, explained: bool) -> None:
    found = unsent(Note(1, code), faults=TWO)
    assert found == [NEVER_SENT.format("0, 1")] * (not explained)
    assert unsent(Note(1, code), kill(0), kill(1), faults=TWO) == []
