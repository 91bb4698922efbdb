"""Where not every row of the dead is known, what is known stands there as the least, everywhere."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from analysis.ledger.case import open_case
from analysis.report.answer import answer
from analysis.report.html.plot import Plot
from analysis.report.html.run_view import run_view
from analysis.report.terminal import print_summary
from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from tests.histories.builder import Story
from tests.histories.side_by_side import compared, everything, write
from tests.histories.stories import A, B, C


def raced(*held: str, kills: int = 1, races: bool = True) -> Story:
    """A worker has started A; `held` still bears its name when the rows are read, in which another
    could have taken something. The further kills find nothing."""
    story = Story()
    victim, survivor = story.worker(0), story.worker(1)
    story.enqueue(A, B, C)
    if A in held:
        victim.start(A)
    story.kill(victim, held=held, raced=races)
    for _ in range(kills - 1):
        story.kill(story.worker(0), raced=races)
    story.wait(3)
    for job_id in (A, B, C):
        survivor.run(job_id)
    story.exit(survivor)
    story.end()
    return story


def printed(summary: Summary) -> str:
    console = Console(width=110, record=True, file=io.StringIO())
    print_summary(summary, console)
    return console.export_text()


def row_of_kill(text: str) -> list[str]:
    lines = text[text.index("Found in flight") :].splitlines()
    return next(line.split() for line in lines if line.split()[:1] == ["1"])


def test_the_table_says_of_what_rests_on_rows_that_there_may_be_more(tmp_path: Path) -> None:
    text = printed(analyse(raced(A, B).write(tmp_path)))

    assert row_of_kill(text)[:6] == ["1", ">=2", ">=1", "1", "0", ">=0"]


def test_where_all_rows_are_known_the_counts_are_plain(tmp_path: Path) -> None:
    text = printed(analyse(raced(A, B, races=False).write(tmp_path)))

    assert row_of_kill(text)[:6] == ["1", "2", "1", "1", "0", "0"]


@pytest.mark.parametrize(
    ("held", "says"),
    [
        ((A, B), "At least 2 orphans: "),
        ((A,), "At least 1 orphan: "),
    ],
)
def test_the_answer_says_at_least(held: tuple[str, ...], says: str, tmp_path: Path) -> None:
    assert says in " ".join(answer(analyse(raced(*held).write(tmp_path))).details)


def test_that_a_raced_kill_found_nothing_is_no_more_than_what_is_known(tmp_path: Path) -> None:
    knows = answer(analyse(raced(races=False).write(tmp_path))).finding
    guesses = answer(analyse(raced().write(tmp_path))).finding

    assert knows.endswith("the kill found no job in flight.")
    assert guesses.endswith("the kill is not known to have found a job in flight.")


@pytest.mark.parametrize(
    ("kills", "which"), [(1, "kill 1"), (2, "kills 1, 2"), (3, "kills 1 to 3")]
)
def test_the_integrity_surface_says_what_it_is_at_least_and_each_reason_once(
    kills: int, which: str, tmp_path: Path
) -> None:
    crash = analyse(raced(A, B, kills=kills).write(tmp_path)).crash

    assert crash.integrity_surface_at_kill is None
    assert str(crash.integrity_surface_at_kill_why).startswith(
        f"at least 2, not known of {which}: raced: another worker"
    )


def test_results_mark_what_there_were_at_least(tmp_path: Path) -> None:
    stories = [compared("tuned", ordinal) for ordinal in range(1, 4)]
    stories[1].first("fault_ended")["raced"] = True
    text = everything([write(s, tmp_path, f"run-{n}") for n, s in enumerate(stories)])
    (row,) = (line for line in text.splitlines() if line.startswith("| orphans found"))

    assert row.strip("| ").split("|")[1].strip() == "2 &ge;2 2"


def test_the_report_draws_at_least_so_many(tmp_path: Path) -> None:
    path = raced(A, B).write(tmp_path)
    (shown,) = run_view(open_case(path), analyse(path), 0).kills

    assert isinstance(shown.plot, Plot)
    assert "At least 2 jobs were in flight." in shown.plot.says


@pytest.mark.parametrize(
    ("races", "says"), [(False, "found no"), (True, "are not known to have found a")]
)
def test_kills_that_found_nothing_are_not_counted_among_those_without_a_return(
    races: bool, says: str, tmp_path: Path
) -> None:
    finding = answer(analyse(raced(A, B, kills=3, races=races).write(tmp_path))).finding

    assert f"2 of 3 kills {says} job in flight; in the other one the first of the dead" in finding


@pytest.mark.parametrize(
    ("races", "says"),
    [
        (False, "The 2 orphans: 1 begun, 1 not begun."),
        (True, "At least 2 orphans: 1 begun, 1 not begun."),
    ],
)
def test_of_many_kills_it_is_said_what_orphans_are_and_how_many_there_were(
    races: bool, says: str, tmp_path: Path
) -> None:
    details = answer(analyse(raced(A, B, kills=3, races=races).write(tmp_path))).details

    assert (details[0], details[-1]) == (
        says,
        "The table of recoveries has each of the 3 kills.",
    )
