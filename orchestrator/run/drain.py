"""Is everything settled? The end of a run is when the witnesses agree, or a bound that is named."""

from __future__ import annotations

import time
from collections.abc import Iterator

from orchestrator.history.rescuer import find_rescuer
from orchestrator.observe.parts import RunParts
from orchestrator.scenario.types import Limits
from worker_child.adapters.contract import QueueCounts
from worker_child.protocol import Rescue

_NS_PER_S = 1_000_000_000
LOOK_EVERY_NS = 100_000_000


class Drain:
    """Waits until no row is left and no execution is open.

    `ended_by` is ``agreed``, or what was still missing at the bound. After a worker's death the
    bound is that of the rescue and the longest job behind it, as the analysis judges it; always at
    least `limits.drain_s`.
    """

    def __init__(
        self,
        parts: RunParts,
        *,
        rescue: Rescue | None,
        limits: Limits,
        longest_length_s: float,
        look_every_ns: int = LOOK_EVERY_NS,
    ) -> None:
        self.ended_by = ""
        self.in_flight = 0
        """Claimed rows at the last look."""
        self._probe = parts.probe
        self._fleet = parts.fleet
        self._rescue = rescue
        self._limits = limits
        self._longest_length_s = longest_length_s
        self._look_every_ns = look_every_ns
        self._begun_ns = time.monotonic_ns()
        self._looked_ns = 0
        self._waiting_for = "a first look"
        self._stuck_since_ns: int | None = None

    def look(self) -> str | None:
        """What the drain waits for, or None when it has ended. Raises psycopg.Error."""
        now_ns = time.monotonic_ns()
        if now_ns - self._looked_ns < self._look_every_ns:
            return self._waiting_for
        self._looked_ns = now_ns
        counts, open_ = self._probe.counts(), self._fleet.open_in_living()
        self.in_flight = counts.claimed
        if counts.unsettled == 0 and open_ == 0:
            self.ended_by = "agreed"
            return None
        self._waiting_for = _describe(counts, open_)
        if self._never_rescued(counts, open_, now_ns):
            self.ended_by = f"{self._waiting_for}; this preset never rescues"
            return None
        if now_ns > self.deadline_ns():
            self.ended_by = f"the bound, still waiting for {self._waiting_for}"
            return None
        return self._waiting_for

    def deadline_ns(self) -> int:
        """The bound, as far as it is known now, monotonic ns."""
        now_ns = time.monotonic_ns()
        deadlines_s = [self._limits.drain_s + self._begun_ns / _NS_PER_S]
        margin_s = self._limits.backlog_margin_s + self._longest_length_s
        for died_ns, bound_s in self._rescues(now_ns):
            until_s = min(bound_s, self._limits.max_bound_s) + margin_s
            deadlines_s.append(died_ns / _NS_PER_S + until_s)
        return round(max(deadlines_s) * _NS_PER_S)

    def _rescues(self, now_ns: int) -> Iterator[tuple[int, float]]:
        """When each worker died that somebody may rescue, and the bound of that, seconds.

        Where none can as yet and some worker is on its way, it could from now on; where none is,
        there is nothing to wait for.
        """
        if self._rescue is None:
            return
        lives = self._fleet.lives()
        for place, life in lives.items():
            if life.died_ns is None:
                continue
            others = [other for key, other in lives.items() if key != place]
            rescuer = find_rescuer(self._rescue, life.died_ns, others)
            if rescuer is not None:
                yield life.died_ns, rescuer.bound_s(self._rescue, life.died_ns)
            elif self._fleet.living():
                outage_s = (now_ns - life.died_ns) / _NS_PER_S
                yield life.died_ns, self._rescue.bound_s(outage_s)

    def _never_rescued(self, counts: QueueCounts, open_: int, now_ns: int) -> bool:
        if self._rescue is not None or open_ or counts.queued or counts.retrying:
            self._stuck_since_ns = None
            return False
        dead = self._fleet.dead_identities()
        if not all(row.claimed_by in dead for row in self._probe.rows([])):
            self._stuck_since_ns = None
            return False
        if self._stuck_since_ns is None:
            self._stuck_since_ns = now_ns
        return now_ns - self._stuck_since_ns > self._limits.confirm_s * _NS_PER_S


def _describe(counts: QueueCounts, open_: int) -> str:
    parts = {
        "queued": counts.queued,
        "claimed": counts.claimed,
        "waiting for a retry": counts.retrying,
    }
    rows = ", ".join(f"{number} {state}" for state, number in parts.items() if number)
    return f"{rows or 'no'} rows and {open_} open executions"
