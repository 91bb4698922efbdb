"""Sentences for the findings that come of figures: late kills, unknown claims, failed enqueues."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.evidence.deaths import Death
from analysis.figures import Figures
from orchestrator.history.records import EnqueueFailed


def remarks(
    jobs: Figures, recovery: list[Figures], deaths: list[Death], failed: list[EnqueueFailed]
) -> list[str]:
    """`jobs` and `recovery` are the summary's blocks, `failed` = the enqueues that failed."""
    return [*_late_kills(recovery), *_unannounced(deaths), *_failed_enqueues(jobs, failed)]


def unwitnessed_completions(jobs: Figures) -> list[str]:
    """A sentence where a job_completed lacks the effect that must have been committed before it.

    Whoever is to blame, two of the three witnesses contradict each other: no figure that rests on
    them can be vouched for.
    """
    count = jobs["ambiguous_by_reason"].get("completed_without_effect", 0)
    if not count:
        return []
    return [
        f"{count} jobs have a job_completed and no effect row: the adapter broke the wire's "
        "promise, or the database lost a commit. The ledger cannot be vouched for."
    ]


def _late_kills(recovery: list[Figures]) -> Iterator[str]:
    for block in recovery:
        if block["late"]:
            yield (
                f"Kill {block['fault']} was sent {block['late_s']:.3f} s after its intended "
                "instant: what it met is no longer random, so it is not pooled."
            )


def _unannounced(deaths: list[Death]) -> Iterator[str]:
    for death in deaths:
        if death.unannounced and death.victim.fault is not None:
            named = ", ".join(repr(identity) for identity in death.unannounced)
            yield (
                f"Kill {death.victim.fault.fault}: rows were claimed under an identity that no "
                f"child_ready announced ({named}): whose they were is not known."
            )


def _failed_enqueues(jobs: Figures, failed: list[EnqueueFailed]) -> Iterator[str]:
    indeterminate = len({record.job_id for record in failed if record.outcome == "indeterminate"})
    counts = {
        f"{jobs['rejected']} were rejected": jobs["rejected"],
        f"{indeterminate} had an unknown outcome": indeterminate,
        f"{jobs['not_enqueued']} of those were never seen in the queue": jobs["not_enqueued"],
    }
    told = [text for text, count in counts.items() if count]
    if told:
        yield f"Of the enqueues, {', '.join(told)}."
