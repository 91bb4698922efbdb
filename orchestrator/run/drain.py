"""Is everything settled? The end of a run is when the witnesses agree, or a bound that is named."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from orchestrator.history.rescuer import Outage, find_rescuer, stretched_ns
from orchestrator.observe.parts import RunParts
from orchestrator.observe.probe import claimed_ns
from orchestrator.scenario.types import Limits
from worker_child.adapters.contract import QueueCounts
from worker_child.protocol import Rescue

_NS_PER_S = 1_000_000_000
LOOK_EVERY_NS = 100_000_000


class Drain:
    """Waits until no row is left and no execution is open.

    `ended_by` is ``agreed``, or what was still missing at the bound. After a worker's death the
    bound is that of the rescue and the longest job behind it, as the analysis judges it; always at
    least `limits.drain_s`. Where one of `outages` falls into either, it counts from its end anew.
    So many executions as `waits_for_good` says, and their rows, are waited for no longer.
    """

    def __init__(
        self,
        parts: RunParts,
        *,
        rescue: Rescue | None,
        limits: Limits,
        longest_length_s: float,
        outages: Callable[[], Sequence[Outage]] = tuple,
        waits_for_good: Callable[[], int] = lambda: 0,
        look_every_ns: int = LOOK_EVERY_NS,
    ) -> None:
        self.ended_by = ""
        self.in_flight = 0
        """Claimed rows at the last look."""
        self._probe = parts.probe
        self._fleet = parts.fleet
        self._absence = parts.absence
        self._rescue = rescue
        self._limits = limits
        self._longest_length_s = longest_length_s
        self._outages = outages
        self._waits_for_good = waits_for_good
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
        if self._absence.on:
            self._waiting_for = "the server to answer again"
            return self._waiting_for
        counts, open_ = self._probe.counts(), self._fleet.open_in_living()
        self.in_flight = counts.claimed
        if max(counts.unsettled, open_) <= self._waits_for_good():
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
        margin_s = self._limits.backlog_margin_s + self._longest_length_s
        waits_s = [(self._begun_ns, self._limits.drain_s)]
        waits_s += [
            (died_ns, min(bound_s, self._limits.max_bound_s) + margin_s)
            for died_ns, bound_s in self._rescues(now_ns)
        ]
        # An outage that goes on is waited for: its end is of the plan, and comes.
        outages = [Outage(o.began_ns, o.healed_ns or now_ns) for o in self._outages()]
        ends_ns = [
            stretched_ns(since_ns, round(wait_s * _NS_PER_S), outages) or now_ns
            for since_ns, wait_s in waits_s
        ]
        return max(ends_ns)

    def _rescues(self, now_ns: int) -> Iterator[tuple[int, float]]:
        """When each worker died, or left as it was told to, whose jobs somebody may rescue, and the
        bound of that, seconds.

        Where none can as yet and some worker is on its way, it could from now on; where none is,
        there is nothing to wait for.
        """
        if self._rescue is None:
            return
        lives = self._fleet.lives()
        for place, life in lives.items():
            gone_ns = life.stopped_ns if life.died_ns is None else life.died_ns
            if gone_ns is None:
                continue
            others = [other for key, other in lives.items() if key != place]
            rescuer = find_rescuer(self._rescue, gone_ns, others)
            if rescuer is not None:
                yield gone_ns, rescuer.bound_s(self._rescue, gone_ns)
            elif self._fleet.living():
                outage_s = (now_ns - gone_ns) / _NS_PER_S
                yield gone_ns, self._rescue.bound_s(outage_s)

    def _never_rescued(self, counts: QueueCounts, open_: int, now_ns: int) -> bool:
        if self._rescue is not None or open_ or counts.queued or counts.retrying:
            self._stuck_since_ns = None
            return False
        held = [(row.claimed_by, claimed_ns(row, now_ns)) for row in self._probe.rows([])]
        if not all(self._fleet.held_by_dead(*claim) for claim in held):
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
