"""What became of a finished run: read from its summary, which is made of its history alone."""

from __future__ import annotations

import sys
from pathlib import Path

from analysis.errors import SummaryError
from analysis.summary.summary import read_summary
from analysis.summary.types import Summary
from orchestrator.errors import ResultsError
from orchestrator.run.subprocess_run import wait_for

_LIMIT_S = 600.0


def judgement_of(history: Path) -> Summary:
    """The verdict on a finished history, which is analysed only where that has not been done yet.

    The analysis is a process of its own: what it makes of a strange history cannot harm the
    others. Raises `ResultsError`.
    """
    summary = history.with_suffix(".summary.json")
    known = _known(history, summary)
    if known is not None:
        return known
    argv = [sys.executable, "-m", "analysis", "summary", str(history)]
    ended = wait_for(argv, limit_s=_LIMIT_S, name="its analysis")
    made = _known(history, summary)
    if made is None:
        raise ResultsError(
            f"the summary of {history} cannot be had: {ended.said}. Move the "
            "history elsewhere, and the run will be done again"
        )
    return made


def _known(history: Path, summary: Path) -> Summary | None:
    """What a summary says that is of this version and not older than its history."""
    try:
        if summary.stat().st_mtime_ns < history.stat().st_mtime_ns:
            return None
        return read_summary(summary)
    except (OSError, SummaryError):
        return None
