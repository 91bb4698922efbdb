"""All runs of a page at a glance, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.report.number_format import plain, seconds
from analysis.summary.types import Summary

TITLES = ("run", "verdict", "of", "twice", "lost", "left behind", "given up", "first orphan, s")
VERDICT_RANK = {"invalid": 0, "fail": 1, "unknown": 2, "pass": 3}


@dataclass(frozen=True)
class Line:
    """One run."""

    run_id: str
    verdict: str
    harm: str
    """``grave``, ``slight`` or ``none``: what its row is coloured by."""
    figures: tuple[str, ...]
    """Under `TITLES` from the third on; empty where the run is invalid: no figure is a result."""
    why: str


def overview(summaries: Sequence[Summary]) -> list[Line]:
    """One line a run: the invalid ones, then by what came of the jobs, then by their verdicts."""
    return [_line(summary) for summary in sorted(summaries, key=_order)]


def worst_place(summaries: Sequence[Summary]) -> int:
    """The place of the one that the page opens on."""
    return min(range(len(summaries)), key=lambda place: _order(summaries[place]))


def given_up(summary: Summary) -> int:
    """Jobs that the library gave up because of a crash alone."""
    return summary.jobs.flags.get("by_crash_alone", 0)


def _missed(summary: Summary) -> int:
    return sum(kill.within_bound is False for kill in summary.recovery)


def _order(summary: Summary) -> tuple[float, ...]:
    jobs = summary.jobs
    harm = (jobs.lost, jobs.stranded, given_up(summary), jobs.duplicated, _missed(summary))
    rank = VERDICT_RANK[summary.verdict]
    return min(rank, 1), *(-float(count) for count in harm), rank


def _line(summary: Summary) -> Line:
    jobs = summary.jobs
    if summary.verdict == "invalid":
        return Line(summary.run_id, summary.verdict, "grave", (), summary.reasons[0])
    picked = [kill.first_orphan_pickup_s for kill in summary.recovery]
    seen = [value for value in picked if value is not None]
    first = seconds(max(seen)) if seen else seconds(None)
    late = f"{first} (bound missed)" if _missed(summary) else first
    grave = jobs.lost or jobs.stranded or given_up(summary)
    slight = jobs.duplicated or jobs.late or _missed(summary)
    return Line(
        run_id=summary.run_id,
        verdict=summary.verdict,
        harm="grave" if grave else "slight" if slight else "none",
        figures=(
            *map(plain, (jobs.enqueued, jobs.duplicated, jobs.lost, jobs.stranded)),
            plain(given_up(summary)),
            late,
        ),
        why="",
    )
