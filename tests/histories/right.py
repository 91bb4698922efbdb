"""What must be said of a history, and what the siblings of what was found have in common."""

from __future__ import annotations

from typing import NamedTuple

from analysis.report.answer import answer
from analysis.summary.types import Summary
from tests.histories.builder import Story, Worker


class Right(NamedTuple):
    """What must be said of a history; None = anything."""

    verdict: str
    broken: tuple[str, ...] = ()
    finding: str = ""
    """A piece of the first sentence."""
    reason: str = ""
    """A piece of one of the verdict's reasons."""
    counts: tuple[tuple[str, int], ...] = ()
    """Figures of the crash or of the jobs."""


def check(summary: Summary, right: Right) -> None:
    assert summary.verdict == right.verdict, summary.reasons
    if right.verdict != "invalid":
        found = tuple(e.name for e in summary.expectations if e.outcome == "broken")
        assert found == right.broken
    assert right.finding in answer(summary).finding
    assert any(right.reason in reason for reason in [*summary.reasons, ""]), summary.reasons
    for name, count in right.counts:
        section = summary.crash if hasattr(summary.crash, name) else summary.jobs
        assert getattr(section, name) == count, name


def calm(story: Story) -> Story:
    """On a machine that did not stall after any kill."""
    story.meter = {"ticks": 1000, "ticks_over_50_ms": 0, "max_us": 900}
    return story


def finished(story: Story, *workers: Worker, rows: dict[str, str] | None = None) -> Story:
    for worker in workers:
        story.exit(worker)
    story.end(rows)
    return story
