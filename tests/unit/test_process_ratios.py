"""Several processes against one: run over run of the same ordinal, and never more than that."""

from __future__ import annotations

from pathlib import Path

from analysis.results_page import results_page
from tests.histories.side_by_side import compared, write


def page(folder: Path, *runs: tuple[int, int]) -> str:
    """`runs` = (processes, ordinal)."""
    paths = []
    for processes, ordinal in runs:
        story = compared("stock", ordinal, kill=False)
        start = story.first("run_start")
        start.update(
            scenario_name=f"multi_process_{processes}_short", cell_hash=str(processes) * 16
        )
        start["scenario"]["workers"]["slots"] = processes
        paths.append(write(story, folder))
    return results_page(paths)


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
