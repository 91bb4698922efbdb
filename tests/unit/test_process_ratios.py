"""Several processes against one: run over run of the same ordinal, and never more than that."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.report.results_page import measured, results_page
from tests.histories.builder import Story
from tests.histories.loaded import job
from tests.histories.side_by_side import ENVIRONMENT, write


def run_of(
    processes: int, ordinal: int, *, commit: str = "c0ffee", places: int = 4, waiting: int = 0
) -> Story:
    """One run of so many processes that share the places; one job is done, others still wait.

    Each of the others delays it by a millisecond.
    """
    story = Story()
    worker = story.worker()
    jobs = [job(index) for index in range(3)]
    done, others = jobs[: 3 - waiting], jobs[3 - waiting :]
    story.enqueue(*jobs)
    for job_id in done:
        worker.run(job_id)
    story.meter = {"ticks": 1000, "ticks_over_50_ms": 0, "max_us": 100}
    story.exit(worker)
    story.end(dict.fromkeys(others, "queued"))
    start = story.first("run_start")
    start.update(
        scenario_name=f"multi_process_{processes}_short",
        library="planted",
        ordinal=ordinal,
        cell_hash=f"{commit}{processes}",
        environment={**ENVIRONMENT, "code": {"commit": commit}},
    )
    start["scenario"]["workers"].update(
        slots=processes, concurrency=places // processes, pool_size=8 // processes
    )
    return story


def ratios(paths: list[Path]) -> str:
    return results_page(measured(paths), None)


def page(folder: Path, *runs: tuple[int, int]) -> str:
    """`runs` = (processes, ordinal)."""
    return ratios([write(run_of(*run), folder) for run in runs])


def rows(text: str) -> list[tuple[str, str]]:
    """Processes and the ratios of the median pickup, row by row."""
    _, _, table = text.partition("ratios to one process")
    cells = [line.strip("| ").split("|") for line in table.splitlines() if "planted" in line]
    return [(row[1].strip(), row[3].strip()) for row in cells]


def test_equal_runs_have_the_ratio_of_one(tmp_path: Path) -> None:
    text = page(tmp_path, (1, 1), (2, 1), (4, 1), (1, 2), (4, 2))

    assert "### multi_process_short: ratios to one process" in text
    assert rows(text) == [("2", "1"), ("4", "1 1")]


def test_without_a_run_of_one_process_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    assert "ratios to one process" not in page(tmp_path, (2, 1), (4, 1))


def test_a_run_without_its_like_of_one_process_has_no_ratio(tmp_path: Path) -> None:
    assert rows(page(tmp_path, (1, 1), (2, 2))) == [("2", "-")]


def test_runs_of_different_code_or_number_of_places_are_no_pair(tmp_path: Path) -> None:
    several = write(run_of(2, 1), tmp_path)
    for other in (run_of(1, 1, commit="decaf"), run_of(1, 1, places=8)):
        assert "ratios to one process" not in ratios([several, write(other, tmp_path)])


@pytest.mark.parametrize(
    ("several", "of_one", "shown"),
    [(0, 0, "1"), (2, 0, "&gt;0.800"), (0, 2, "-"), (2, 2, "-")],
    ids=["both known", "several beyond", "one beyond", "both beyond"],
)
def test_a_percentile_among_jobs_that_still_wait_is_no_divisor(
    tmp_path: Path, several: int, of_one: int, shown: str
) -> None:
    stories = run_of(2, 1, waiting=several), run_of(1, 1, waiting=of_one)

    assert rows(ratios([write(story, tmp_path) for story in stories])) == [("2", shown)]
