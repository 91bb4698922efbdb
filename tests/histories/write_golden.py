"""Writes the golden histories and their summaries anew: `python -m tests.histories.write_golden`.

Read the difference before you commit it: it is what changes for every reader of a summary.
"""

from __future__ import annotations

from pathlib import Path

from analysis.summary import analyse
from tests.histories.planted import PLANTED
from tests.unit.test_summary_bytes import GOLDEN_NAMES


def main(folder: Path) -> None:
    """Write them all into `folder`."""
    for name in GOLDEN_NAMES:
        history = PLANTED[name].plant().write(folder, name)
        history.with_suffix(".summary.json").write_bytes(analyse(history).as_json())


if __name__ == "__main__":
    main(Path(__file__).parent)
