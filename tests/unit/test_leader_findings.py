"""Who led the workers, as they say themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from analysis.summary.summary import analyse
from tests.histories.builder import Story
from tests.histories.stories import A


def said(folder: Path, plant: Callable[[Story], object]) -> list[str]:
    story = Story()
    plant(story)
    summary = analyse(story.write(folder))
    assert summary.verdict != "invalid", summary.reasons
    return [finding for finding in summary.findings if "were led by" in finding]


def told(story: Story, *, leads: bool = True) -> None:
    """Slot 0 leads, and is killed; two seconds later slot 1 leads, and does its job."""
    first, second = story.worker(0), story.worker(1)
    if leads:
        first.emit("note", code="leading", message="it leads the workers")
    story.enqueue(A)
    first.start(A)
    story.kill(first, [A])
    story.wait(2)
    if leads:
        second.emit("note", code="leading", message="it leads the workers")
    second.run(A)
    story.phase("stop")
    story.exit(second)
    story.end({})


def test_who_led_from_when_on_is_a_finding_and_how_long_nobody_did(tmp_path: Path) -> None:
    (finding,) = said(tmp_path, told)
    assert finding.startswith("The workers were led by slot 0 incarnation 0 from T+0.0 s; by ")
    assert "slot 1 incarnation 0 from T+2.0 s, 2.0 s after the last leader's death." in finding


def test_where_no_worker_says_that_it_leads_nothing_is_said_of_leaders(tmp_path: Path) -> None:
    assert said(tmp_path, lambda story: told(story, leads=False)) == []
