"""Where do a worker's jobs stand at a round trip? Pure: read from its events and the enqueues."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orchestrator.scenario.triggered import PointPhase
from orchestrator.workers.tracker import Incarnation, Tracker

EFFECT_TABLE = "bench_effect"


class Phases:
    """The phase of one worker, the only one at work.

    It is that of the least advanced job that has been enqueued and is not done, so that several
    jobs at once have one phase, whichever of them is quicker. A job that another one enqueues
    counts once that one is done.
    """

    def __init__(self, worker: Incarnation, tracker: Tracker) -> None:
        self._worker = worker
        self._tracker = tracker
        self._enqueued: set[str] = set()
        self._effects = 0

    def enqueue(self, job_ids: Iterable[str]) -> None:
        """These are on their way into the queue."""
        self._enqueued.update(job_ids)

    def executed(self, statement: str) -> None:
        """The worker has been given the whole answer to a statement."""
        words = statement.split(None, 3)
        is_insert = [word.lower() for word in words[:2]] == ["insert", "into"]
        self._effects += is_insert and words[2].strip('"').lower() == EFFECT_TABLE

    def now(self) -> PointPhase:
        """As far as the worker's events have been read."""
        if self._worker not in self._tracker.ready:
            return "starting up"
        done = self._tracker.completions.keys() | self._tracker.discarded
        left = {job for job in self._counting() if job not in done}
        if not left:
            return "completed" if self._enqueued else "idle"
        begun = self._begun()
        open_ = {event.job_id for event in self._tracker.open[self._worker].values()}
        if left - begun:
            return "waiting"
        if left - open_:
            return "failed"
        had_effect = self._effects - len(self._tracker.completions)
        return "effect" if had_effect >= len(open_) else "started"

    def _counting(self) -> Iterator[str]:
        yield from self._enqueued
        done = self._tracker.completions.keys()
        for job_id in self._tracker.fanned_out:
            if job_id.rpartition("/")[0] in done:
                yield job_id

    def _begun(self) -> set[str]:
        """Jobs that some line of a worker names; one that another job enqueued only as it runs."""
        open_ = {event.job_id for event in self._tracker.open[self._worker].values()}
        ended = self._tracker.completions.keys() | self._tracker.discarded
        return (self._tracker.seen - self._tracker.fanned_out) | open_ | ended
