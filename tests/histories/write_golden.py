"""Writes the golden histories and their summaries anew: `python -m tests.histories.write_golden`.

Those of version 1, beside the summaries, and of version 2 are not written by it: they show that
these are read. They have the lines of today's, in the forms of their time.

Read the difference before you commit it: it is what changes for every reader of a summary.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from analysis.commands import write_pages
from analysis.report.results_page import Measured, measured, results_page
from analysis.report.scenario_page import scenario_pages
from analysis.summary.summary import analyse
from tests.histories.planted import PLANTED
from tests.histories.side_by_side import PAGES, golden_stories, write
from tests.unit.test_summary_bytes import GOLDEN_NAMES


def main(folder: Path) -> None:
    """Write them all into `folder`."""
    for name in GOLDEN_NAMES:
        history = PLANTED[name].plant().write(folder / "version_3", name)
        (folder / f"{name}.summary.json").write_bytes(analyse(history).as_json())
    (folder / "side_by_side.RESULTS.md").write_text(golden_page(), encoding="utf-8")
    write_pages(folder / "side_by_side.pages", golden_pages())


def golden_page() -> str:
    """RESULTS.md of the histories that are to be compared."""
    return results_page(golden_measured(), PAGES)


def golden_pages() -> dict[str, str]:
    """The pages of their scenarios, by file name."""
    return scenario_pages(golden_measured().blocks)


def golden_measured() -> Measured:
    """They, judged."""
    with tempfile.TemporaryDirectory() as folder:
        stories = enumerate(golden_stories())
        return measured([write(story, Path(folder), str(n)) for n, story in stories])


if __name__ == "__main__":
    main(Path(__file__).parent)
