"""A run's verdict where one thing more or less turns it, and the words that go with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from analysis.history.history import History
from analysis.ledger.case import open_case
from analysis.summary.types import Expectation, ExpectationOutcome, RunVerdict
from analysis.summary.verdict import (
    EXIT_CODES,
    INTERRUPTED,
    RunJudgement,
    came_to_its_end,
    judge_run,
    left_open,
    unexpected_exits,
    unfinished,
    worker_deaths,
    worst,
)
from tests.histories.builder import Story
from tests.histories.stories import changed, died_unasked, healthy

Open = Callable[[Story], History]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    return lambda story: open_case(story.write(tmp_path)).history


def ending(**fields: object) -> Story:
    return changed(lambda story: story.first("run_end").update(fields))


def expectation(outcome: ExpectationOutcome) -> Expectation:
    return Expectation(name="lost", expected=0, found=1, outcome=outcome, why=None)


MET, BROKEN, UNKNOWN = expectation("met"), expectation("broken"), expectation("unknown")


def test_each_verdict_has_the_exit_code_of_the_methodology() -> None:
    assert EXIT_CODES == {"pass": 0, "fail": 1, "invalid": 3, "unknown": 4}
    assert [RunJudgement(v, []).exit_code for v in get_args(RunVerdict)] == [
        EXIT_CODES[v] for v in get_args(RunVerdict)
    ]


@pytest.mark.parametrize("rank", range(5))
def test_of_several_runs_the_worst_exit_code_counts(rank: int) -> None:
    worst_first = [2, 3, 1, 4, 0]

    assert worst(reversed(worst_first[rank:])) == worst_first[rank]
    assert worst([]) == 0


def test_a_run_that_failed_says_with_which_error(opened: Open) -> None:
    assert unfinished(opened(ending(ended="failed", error="no room"))) == [
        "The run failed: no room."
    ]
    assert unfinished(opened(ending(ended="failed"))) == ["The run failed: no error was recorded."]


def test_a_run_that_completed_sent_what_was_planned(opened: Open) -> None:
    assert unfinished(opened(healthy())) == []
    for sent in (2, 4):
        story = ending(stream_jobs=sent)
        story.first("run_start")["planned_stream_jobs"] = 3
        (said,) = unfinished(opened(story))
        assert f"sent {sent} of the stream's 3 jobs" in said
        story.first("run_end")["ended"] = "interrupted"
        assert unfinished(opened(story)) == []
        story.first("run_end")["ended"] = "completed"
        story.first("run_start")["planned_stream_jobs"] = None
        assert unfinished(opened(story)) == []


def test_only_a_completed_run_came_to_its_end(opened: Open) -> None:
    assert came_to_its_end(opened(healthy()))
    assert not came_to_its_end(opened(ending(ended="interrupted")))
    assert not came_to_its_end(opened(ending(ended="failed")))
    assert not came_to_its_end(opened(changed(lambda story: story.drop("run_end"))))


def test_a_file_that_is_cut_short_came_to_no_end(opened: Open, tmp_path: Path) -> None:
    whole = healthy().write(tmp_path)
    whole.write_bytes(whole.read_bytes() + b'{"kind": "no')
    history = open_case(whole).history

    assert not came_to_its_end(history)
    assert "cut short" in unfinished(history)[0]


def test_without_a_final_read_that_counts_nothing_is_broken_either(opened: Open) -> None:
    with_read = opened(ending(ended="interrupted"))
    unread = ending(ended="interrupted")
    unread.first("row_read", read="final", lines=3)["error"] = "the server has gone"
    without = opened(unread)

    assert [e.outcome for e in left_open(with_read, [MET, BROKEN, UNKNOWN])] == [
        "unknown",
        "broken",
        "unknown",
    ]
    assert {e.outcome for e in left_open(without, [MET, BROKEN, UNKNOWN])} == {"unknown"}
    assert [e.why for e in left_open(with_read, [MET, BROKEN, UNKNOWN])] == [
        "the run did not come to its end",
        None,
        None,
    ]


def test_whose_fault_a_death_is_is_told_apart(opened: Open) -> None:
    for ours in (True, False):
        history = opened(died_unasked(ours=ours))
        assert len(worker_deaths(history, ours=ours)) == 1
        assert worker_deaths(history, ours=not ours) == []
    assert worker_deaths(opened(healthy()), ours=False) == []


def test_only_a_worker_that_died_and_said_something_is_quoted(opened: Open) -> None:
    silent, stopped = died_unasked(ours=False), healthy()
    silent.first("child_exited", reason="died")["stderr_tail"] = " \n"
    stopped.first("child_exited")["stderr_tail"] = "good bye"

    assert unexpected_exits(opened(silent)) == ()
    assert unexpected_exits(opened(stopped)) == ()


def test_of_what_a_dead_worker_said_the_last_eight_lines_are_kept_each_as_far_as_300_characters(
    opened: Open,
) -> None:
    story = died_unasked(ours=False)
    said = [f"{place}{'x' * 300}" for place in range(9)]
    story.first("child_exited", reason="died")["stderr_tail"] = "\n".join(said)
    (last_words,) = unexpected_exits(opened(story))

    assert last_words.stderr == [f"{place}{'x' * 299}" for place in range(1, 9)]


@pytest.mark.parametrize(
    ("failures", "doubts", "expectations", "verdict", "said"),
    [
        ([], [], [MET], "pass", 0),
        ([], [], [UNKNOWN], "unknown", 1),
        ([], ["a doubt"], [MET], "unknown", 1),
        ([], ["a doubt"], [BROKEN, UNKNOWN], "fail", 3),
        (["ours"], ["a doubt"], [BROKEN], "invalid", 3),
    ],
)
def test_the_gravest_verdict_wins_and_every_reason_is_told(
    failures: list[str],
    doubts: list[str],
    expectations: list[Expectation],
    verdict: str,
    said: int,
    opened: Open,
) -> None:
    whole = judge_run(opened(healthy()), failures, doubts, expectations)
    cut = judge_run(opened(ending(ended="interrupted")), failures, doubts, expectations)

    assert (whole.verdict, len(whole.reasons)) == (verdict, said)
    assert cut.verdict == ("unknown" if verdict == "pass" else verdict)
    assert cut.reasons == [INTERRUPTED, *whole.reasons]


def test_our_own_workers_death_and_a_missing_end_void_a_run(opened: Open) -> None:
    for story in (died_unasked(ours=True), changed(lambda story: story.drop("run_end"))):
        judgement = judge_run(opened(story), [], [], [])
        assert judgement.verdict == "invalid"
        assert INTERRUPTED not in judgement.reasons
    assert judge_run(opened(died_unasked(ours=False)), [], [], []).verdict == "pass"
