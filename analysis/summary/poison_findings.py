"""What jobs that kill their worker did, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from analysis.metrics.poison import Fate, PoisonFound

_FATES: Mapping[Fate, str] = {
    "given_up": "then the queue gave it up",
    "comes_back": "and it still came back when all deaths that the scenario allows were used up",
    "left": "and is still in the queue",
    "lost": "and is gone from the queue without a word",
    "unknown": "and nobody can say what became of it",
}


def poison_findings(poison: PoisonFound | None) -> Iterator[str]:
    """A sentence for each of them, and one for the jobs beside them."""
    if poison is None:
        return
    for job in poison.jobs:
        yield (
            f"Poison {job.job_id}: it was started {_times(job.executions)} and killed its worker "
            f"{_times(job.deaths)}, {_FATES[job.fate]}."
        )
    beside = poison.neighbours
    yield (
        f"Jobs in flight in a worker that a poison killed: {beside.hit}. Of these "
        f"{beside.run_again} were run again, {beside.duplicated} done twice or more, "
        f"{beside.given_up} given up, {beside.lost} lost, {beside.left} left behind"
        f"{_longest(beside.longest_delay_s)}."
    )


def _times(count: int) -> str:
    return {0: "never", 1: "once"}.get(count, f"{count} times")


def _longest(delay_s: float | None) -> str:
    return (
        "" if delay_s is None else f"; from the death until one was done took up to {delay_s:.1f} s"
    )
