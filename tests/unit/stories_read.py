"""What tests of a whole story's summary share: how it is read, and what is asked of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from analysis.report.jobs_table import job_rows
from analysis.summary.types import Summary
from tests.histories.builder import Story

Read = Callable[[Story], Summary]


def attempts(story: Story, count: int) -> Story:
    story.first("run_start")["scenario"]["workers"]["max_attempts"] = count
    return story


def metered(story: Story) -> Story:
    """The same on a machine that was calm after the kill."""
    story.meter = {"ticks": 1000, "ticks_over_50_ms": 0, "max_us": 900}
    return story


def broken(summary: Summary) -> list[str]:
    return [e.name for e in summary.expectations if e.outcome == "broken"]


def flags_of(story: Story, job: str, folder: Path) -> set[str]:
    return next(set(row["flags"]) for row in job_rows(story.write(folder)) if row["job_id"] == job)
