"""The verdict of a point: that of the worst job of its run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.compare.crash_points import (
    WORST_FIRST,
    PointOutcome,
    PointRun,
    PointVerdict,
    exit_code_of,
    judge_point,
    worst_of,
)
from analysis.summary.summary import analyse
from tests.histories.builder import Story
from tests.histories.planted import PLANTED
from tests.histories.stories import A, B, crash, left_claimed
from tests.histories.wrongs import crashed_to_death, late


def after_a_kill(rows: dict[str, str], *, fresh: bool = False) -> Story:
    """A is open at the kill and run again; B comes before it or, fresh, after it, and is not."""
    story = Story()
    first = story.worker()
    story.enqueue(A, *([] if fresh else [B]))
    first.start(A)
    story.kill(first, held=[A])
    second = story.worker()
    story.wait(3)
    second.run(A)
    if fresh:
        story.enqueue(B)
    story.exit(second)
    story.end(rows)
    return story


def left_open_then_run() -> Story:
    story = Story()
    first = story.worker()
    story.enqueue(A)
    first.start(A)
    story.kill(first, held=[A])
    second = story.worker()
    story.wait(3)
    second.run(A)
    story.exit(second)
    story.end()
    return story


def failing_then_late() -> Story:
    """As `late`, but A fails once before it is done."""
    story = Story()
    first = story.worker()
    story.enqueue(A)
    first.start(A)
    story.kill(first, held=[A])
    second = story.worker()
    second.start(A)
    second.fail(A)
    story.wait(9)
    second.run(A)
    story.exit(second)
    story.end()
    return story


def untouched() -> Story:
    story = Story()
    first = story.worker()
    story.enqueue(A, B)
    story.kill(first, held=[])
    second = story.worker()
    second.run(A)
    second.run(B)
    story.exit(second)
    story.end()
    return story


@pytest.mark.parametrize(
    ("plant", "verdict", "jobs"),
    [
        (untouched, "clean", ()),
        (lambda: after_a_kill({B: "done"}), "lost", (B,)),
        (lambda: after_a_kill({B: "queued"}), "unknown", (B,)),
        (lambda: after_a_kill({B: "queued"}, fresh=True), "stuck", (B,)),
        (lambda: left_claimed(30), "stranded", (A,)),
        (crashed_to_death, "given_up", (A,)),
        (crash, "duplicated", (B,)),
        (late, "late", (A,)),
        (failing_then_late, "re-executed", (A,)),
        (lambda: after_a_kill({B: "dead"}), "given_up", (B,)),
        (left_open_then_run, "re-executed", (A,)),
        (PLANTED["bad_line"].plant, "invalid", ()),
        (PLANTED["a_healthy_run"].plant, "not_reached", ()),
    ],
)
def test_the_worst_job_names_the_point(
    plant: Callable[[], Story], verdict: PointVerdict, jobs: tuple[str, ...], tmp_path: Path
) -> None:
    run = judge_point(analyse(plant().write(tmp_path)))
    assert (run.verdict, run.jobs) == (verdict, jobs)


def outcome(*verdicts: PointVerdict) -> PointOutcome:
    runs = tuple(PointRun(run_id=str(n), verdict=verdict) for n, verdict in enumerate(verdicts))
    return PointOutcome(
        id="0" * 8,
        workload="single",
        statement="COMMIT",
        phase="completed",
        wave=0,
        ordinal=1,
        side="before",
        action="kill",
        verdict=worst_of(runs),
        runs=runs,
        sql="COMMIT",
        nondeterministic=len(set(verdicts)) > 1,
    )


def test_of_several_runs_the_worst_names_the_point() -> None:
    for place, verdict in enumerate(WORST_FIRST):
        assert outcome(*WORST_FIRST[place:]).verdict == verdict


@pytest.mark.parametrize(
    ("outcomes", "fail_on", "code"),
    [
        ([outcome("clean"), outcome("duplicated")], frozenset(), 0),
        ([outcome("clean"), outcome("duplicated")], frozenset({"duplicated"}), 1),
        ([outcome("lost"), outcome("invalid"), outcome("unknown")], frozenset(), 1),
        ([outcome("stuck")], frozenset(), 1),
        ([outcome("stranded")], frozenset(), 1),
        ([outcome("given_up")], frozenset(), 1),
        ([outcome("invalid"), outcome("not_reached")], frozenset(), 3),
        ([outcome("not_reached")], frozenset(), 4),
        ([outcome("unknown")], frozenset(), 4),
        ([outcome("clean", "duplicated")], frozenset(), 4),
    ],
)
def test_the_exit_code_says_the_worst_that_is_certain(
    outcomes: list[PointOutcome], fail_on: frozenset[str], code: int
) -> None:
    assert exit_code_of(outcomes, fail_on) == code
