"""What made a queue run a healthy job twice: one cause for each duplicate that no death explains.

The job was done by one execution, and another took it all the same. Looked at is the first of them,
and the first start of another that was done after it had started.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.evidence.executions import Evidence, Execution
from analysis.evidence.fault_spans import FaultSpan
from analysis.evidence.incarnations import Incarnations
from analysis.evidence.presence import told_to_stop_ns
from analysis.history.columns import worker_key

LiveCause = Literal["drain", "leaderless", "pause", "outage", "short_lease", "rescue"]
LIVE_CAUSES: tuple[LiveCause, ...] = (
    "drain",
    "leaderless",
    "pause",
    "outage",
    "short_lease",
    "rescue",
)


@dataclass(frozen=True, slots=True)
class LiveCauses:
    """What the causes of a run's live duplicates are found with."""

    incarnations: Incarnations
    spans: Sequence[FaultSpan]
    stop_ns: int | None
    """When the run asked its workers to stop."""
    lease_s: float | None
    """How long the library leaves a job to a worker that does not renew its claim; None = there is
    no such time."""

    def cause(self, evidence: Evidence) -> LiveCause:
        """The first that holds, in the order of `LIVE_CAUSES`.

        ``drain`` = its worker had been told to stop and was not done with it, or a fault told one
        of the two to stop meanwhile; ``leaderless`` = the first process of its worker, which was at
        it, or of the other, had been killed before that one took it; ``pause`` = a fault
        held that worker up meanwhile, or the other one, which may have claimed it before;
        ``outage`` = one that hit nobody in particular was on meanwhile; ``short_lease`` = it ran
        for longer than the lease; ``rescue`` = none of these.
        """
        first, *others = evidence.done
        begun_ns = first.started_ns if first.started_ns is not None else 0
        later = [(at, other) for other in others if (at := other.started_ns) is not None]
        later = [(at, other) for at, other in later if at > begun_ns]
        taken_ns, other = min(later, key=lambda one: one[0], default=(begun_ns, first))
        if self._was_draining(first, taken_ns):
            return "drain"
        if self._is_leaderless(first, other, taken_ns):
            return "leaderless"
        workers = [worker_key(one.slot, one.incarnation) for one in (first, other)]
        held_up = [
            span
            for span in self.spans
            if not span.ends_process
            and any(map(span.hits, workers))
            and self._began_ns(span) < taken_ns
            and (span.healed_ns is None or span.healed_ns > begun_ns)
        ]
        if any(span.lets_go for span in held_up):
            return "drain"
        if held_up:
            return "pause" if any(span.workers for span in held_up) else "outage"
        if self.lease_s is not None:
            over_ns = begun_ns + round(self.lease_s * 1e9)
            if taken_ns >= over_ns and first.over_ns > over_ns:
                return "short_lease"
        return "rescue"

    def _began_ns(self, span: FaultSpan) -> int:
        """From when on it can have made anything: where a worker's successor comes first, it is
        told to stop later than the fault began."""
        told = (self.incarnations.by_key(worker) for worker in span.workers if span.lets_go)
        known = [one.told_ns for one in told if one is not None and one.told_ns is not None]
        return max([span.began_ns, *known])

    def _is_leaderless(self, first: Execution, other: Execution, taken_ns: int) -> bool:
        """Whether one of two executions was without its worker's first process when the other was
        begun: a leader that dies later has made nothing."""
        members = [(self.incarnations.get(e.slot, e.incarnation), e) for e in (first, other)]
        return any(
            member is not None
            and member.leaderless_ns is not None
            and member.leaderless_ns < min(taken_ns, execution.over_ns)
            for member, execution in members
        )

    def _was_draining(self, execution: Execution, taken_ns: int) -> bool:
        member = self.incarnations.get(execution.slot, execution.incarnation)
        if member is None:
            return False
        told_ns = told_to_stop_ns(member, self.stop_ns)
        return told_ns is not None and told_ns < min(taken_ns, execution.over_ns)
