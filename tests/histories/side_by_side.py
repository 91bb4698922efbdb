"""Runs to be compared: one planted crash under two presets, seven times each, and some others.

The recovery of each run lasts a little longer than the one's before it; `tuned` is ten times as
quick as `stock`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analysis.report.results_page import measured, results_page
from analysis.report.scenario_page import scenario_pages
from tests.histories.builder import RESCUE, Story
from tests.histories.stories import A, B, C

SETTINGS: dict[str, dict[str, Any]] = {
    "stock": {"lease_s": 30.0, "batch_size": 10},
    "tuned": {"lease_s": 3.0, "batch_size": 10},
}
ENVIRONMENT: dict[str, Any] = {
    "hardware": {"architecture": "x86_64", "cpu": "Planted | 9000", "cores": 2, "memory_gib": 8},
    "hardware_hash": "0123456789abcdef",
    "kernel": "6.1",
    "python": "3.11.7",
    "python_implementation": "CPython",
    "code": {"version": "0.1.0", "commit": "c0ffee", "dirty": False},
    "packages": {"msgspec": "0.20.0"},
    "postgres": {
        "version": "18.6",
        "settings": {"fsync": "on"},
        "measured": {"fdatasync_us": 100.5},
    },
}
PAGES = "docs/results"
"""Where the pages of the scenarios are said to lie."""
CELL_HASHES = {"stock": "a" * 16, "tuned": "b" * 16}


def compared(
    preset: str,
    ordinal: int,
    *,
    kill: bool = True,
    certified: bool = True,
    limited: bool = False,
    live_duplicate: bool = False,
) -> Story:
    """A is open at the kill, B had completed unacknowledged; both are run again after a while.

    `live_duplicate` = without a kill B is run again all the same.
    """
    story = Story(rescue={**RESCUE, "lease_s": SETTINGS[preset]["lease_s"]})
    worst_us, late = (900_000, 900) if limited else (100, 0)
    story.meter = {"ticks": 1000, "ticks_over_50_ms": late, "max_us": worst_us}
    first = story.worker()
    story.enqueue(A, B, C)
    first.start(A)
    first.run(B)
    if kill:
        story.kill(first, held=[A, B])
        if not certified:
            story.first("fault_ended")["parts"].pop("reaped_ns")
        story.wait(0.001)
        second = story.worker()
        story.wait((30 if preset == "stock" else 3) + ordinal / 10)
    else:
        first.complete(A)
        second = first
    for job_id in (A, B, C) if kill else (B, C) if live_duplicate else (C,):
        second.run(job_id)
    story.wait(0.001)
    story.exit(second)
    story.end()
    for kind, fields in story.records:
        if kind == "child_ready":
            fields["effective"] = {"library_connections": 2 if preset == "tuned" else 1}
    scenario = "side_by_side" if kill else "crash_recovery_no_fault"
    story.first("run_start").update(
        scenario_name=scenario,
        library="planted",
        preset=preset,
        ordinal=ordinal,
        settings=SETTINGS[preset],
        environment=ENVIRONMENT,
        cell_hash=CELL_HASHES[preset],
        invocation={"scenario": scenario, "values": [], "library": "planted"},
    )
    story.first("run_start")["scenario"]["description"] = "A crash, | planted."
    return story


def run_id_of(story: Story) -> str:
    """The name that such a run would have."""
    return story.run_id


def write(story: Story, folder: Path, name: str | None = None) -> Path:
    """As `Story.write`, under its own name; `name` is that of the file alone."""
    return story.write(folder, name or story.run_id)


def everything(paths: Sequence[Path]) -> str:
    """RESULTS.md and the pages of all scenarios, one below the other."""
    found = measured(paths)
    return "\n".join([results_page(found, PAGES), *scenario_pages(found.blocks).values()])


def golden_stories() -> list[Story]:
    """What the golden RESULTS.md is made of."""
    stories = [compared(preset, n) for n in range(1, 8) for preset in ("stock", "tuned")]
    stories.append(compared("tuned", 8, limited=True))
    stories.append(compared("stock", 9, certified=False))
    stories.append(compared("tuned", 1, kill=False))
    elsewhere = compared("stock", 1)
    elsewhere.first("run_start").update(
        environment={**ENVIRONMENT, "code": {"version": "0.1.0", "commit": "decaf", "dirty": True}},
        cell_hash="c" * 16,
        invocation=None,
    )
    stories.append(elsewhere)
    return stories
