"""Alive and idle: a worker lives and has a free place, a job waits, and it takes none.

A stretch counts where, for longer than `LEAST_NS`, one and the same worker was present (ready, held
up by no fault, not told to stop) with a place free and started nothing, while jobs waited, each for
as long: taken by the queue before, started by nobody until after. What only looks like waiting, a
row that a worker had claimed and not started, is told by the queue's own rows: where a look at
them, once a second, found none queued, or where nobody could look, nothing counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from analysis.evidence.deaths import Death
from analysis.evidence.presence import Presence, Stretch, executions_of, without
from analysis.history.columns import ABSENT, Ints
from analysis.history.history import History
from analysis.history.tables import STATE_CODES
from analysis.ledger.case import Case, last_ns
from orchestrator.history.records import QueueSnapshot

LEAST_NS = 1_000_000_000
"""A shorter wait is a poll's, or a machine's that was busy for a moment."""
UNSEEN_NS = 3_000_000_000
"""Looks at the rows that lie further apart than this did not see what was between them."""
NEVER_SEEN = "the queue's rows were never looked at"


@dataclass(frozen=True, slots=True)
class Idleness:
    """Where some worker was alive and idle."""

    stretches: tuple[Stretch, ...]
    """In the order of time; none overlaps another."""
    why: str | None
    """Why that is not known; None = it is."""
    by_worker: Mapping[int, tuple[Stretch, ...]] = field(default_factory=dict)
    """The same by the key of the incarnation."""

    def within_ns(self, begin_ns: int, end_ns: int) -> int:
        """How much of it lies between two instants, nanoseconds."""
        parts = ((max(a, begin_ns), min(b, end_ns)) for a, b in self.stretches)
        return sum(b - a for a, b in parts if b > a)

    @property
    def whole_ns(self) -> int:
        """All of it, nanoseconds."""
        return sum(b - a for a, b in self.stretches)


def idleness(case: Case) -> Idleness:
    """Where some worker was alive and idle while jobs waited."""
    history = case.history
    snapshots = history.records.of(QueueSnapshot)
    if not snapshots:
        return Idleness((), NEVER_SEEN)
    waits = _waits(history, case.deaths)
    if not waits.size:
        return Idleness((), None)
    holes = list(_holes(snapshots, last_ns(history)))
    found = {
        worker: tuple(
            part
            for gap in _gaps(case, worker)
            for whole in _covered(waits, gap)
            for part in without(whole, holes)
            if part[1] - part[0] > LEAST_NS
        )
        for worker in dict.fromkeys(presence.worker for presence in case.present)
    }
    together = _merged(part for parts in found.values() for part in parts)
    return Idleness(tuple(together), None, {w: parts for w, parts in found.items() if parts})


def _waits(history: History, deaths: Sequence[Death]) -> Ints:
    """From when to when each job waited that did so for longer than `LEAST_NS`: pairs.

    Left out are jobs whose rows a death found claimed: they waited for their rescue.
    """
    jobs = len(history.jobs)
    from_ns, to_ns = (np.full(jobs, np.iinfo(np.int64).max, np.int64) for _ in range(2))
    lines = history.enqueues
    taken = np.where(lines.acknowledged_ns == ABSENT, lines.t_ns, lines.acknowledged_ns)
    np.minimum.at(from_ns, lines.job, taken)
    np.minimum.at(to_ns, history.starts.job, history.starts.t_ns)
    is_queued = history.rows.state == STATE_CODES["queued"]
    still = np.zeros(jobs, np.bool_)
    still[history.rows.job[is_queued]] = True
    never = to_ns == np.iinfo(np.int64).max
    waited = (to_ns - LEAST_NS > from_ns) & (~never | still)
    waited[[job for death in deaths for job, at in death.phases.items() if at == "claimed"]] = False
    return np.stack([from_ns[waited], to_ns[waited]])


def _gaps(case: Case, worker: int) -> Iterator[Stretch]:
    """Where a worker was present, with a place free, and started nothing for so long."""
    executions = executions_of(case.history, worker)
    places = case.scenario.workers.concurrency
    for presence in case.present:
        if presence.worker == worker:
            yield from _gaps_within(presence, executions.started_ns, executions.ended_ns, places)


def _gaps_within(
    presence: Presence, started_ns: Ints, ended_ns: Ints, places: int
) -> Iterator[Stretch]:
    inside = started_ns[(started_ns > presence.from_ns) & (started_ns < presence.to_ns)]
    edges = np.concatenate([[presence.from_ns], inside, [presence.to_ns]])
    for place in np.flatnonzero(np.diff(edges) > LEAST_NS).tolist():
        begin_ns, end_ns = int(edges[place]), int(edges[place + 1])
        ended = int(np.searchsorted(ended_ns, begin_ns, side="right"))
        open_ = int(np.searchsorted(started_ns, begin_ns, side="right")) - ended
        if open_ >= places:
            freed = ended + open_ - places
            if freed >= ended_ns.size:
                continue
            begin_ns = int(ended_ns[freed])
        if end_ns - begin_ns > LEAST_NS:
            yield begin_ns, end_ns


def _covered(waits: Ints, gap: Stretch) -> Iterator[Stretch]:
    """The parts of a gap in which some job waited, each for longer than `LEAST_NS`."""
    begins, ends = np.maximum(waits[0], gap[0]), np.minimum(waits[1], gap[1])
    long = ends - begins > LEAST_NS
    parts = zip(begins[long].tolist(), ends[long].tolist(), strict=True)
    yield from _merged(parts)


def _holes(snapshots: Sequence[QueueSnapshot], end_ns: int) -> Iterator[Stretch]:
    """Where no row was queued, or nobody saw whether one was."""
    looks = [
        (0, False),
        *((snapshot.t_ns, snapshot.queued > 0) for snapshot in snapshots),
        (end_ns + LEAST_NS, False),
    ]
    for (begin_ns, before), (end_ns_, after) in pairwise(looks):
        if not (before and after) or end_ns_ - begin_ns > UNSEEN_NS:
            yield begin_ns, end_ns_


def _merged(parts: Iterable[Stretch]) -> Iterator[Stretch]:
    """Overlapping stretches as one."""
    so_far: Stretch | None = None
    for begin_ns, end_ns in sorted(parts):
        if so_far is not None and begin_ns <= so_far[1]:
            so_far = so_far[0], max(so_far[1], end_ns)
            continue
        if so_far is not None:
            yield so_far
        so_far = begin_ns, end_ns
    if so_far is not None:
        yield so_far
