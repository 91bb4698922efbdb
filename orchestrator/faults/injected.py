"""One fault under way: sent, certified, healed, whatever sort it is of."""

from __future__ import annotations

import time

import msgspec

from orchestrator.faults.plan import PlannedFault
from orchestrator.faults.signals import HealedAt
from orchestrator.faults.table import row_of, word_of
from orchestrator.faults.targets import Reach, Victim
from orchestrator.history.recorder import Recorder
from orchestrator.history.records import FaultEnded, FaultInjected

_NS_PER_S = 1_000_000_000


class InjectedFault:
    """A fault from its instant on. `step` is called until it is `certified`."""

    def __init__(
        self,
        plan: PlannedFault,
        victim: Victim,
        *,
        reach: Reach,
        recorder: Recorder,
        limit_s: float,
    ) -> None:
        self.plan = plan
        self.victim = victim
        self.certified = False
        self.waiting_for = "its instant"
        """What the certificate still lacks, for a person."""
        self.orphans: frozenset[str] = frozenset()
        """The jobs whose rows the victim held."""
        self.orphan_rows: frozenset[str] = frozenset()
        """The inbox ids of these rows."""
        self.sent_ns = 0
        self.looked_ns = 0
        """When the certificate was last gone on with; 0 = not yet."""
        self._reach = reach
        self._recorder = recorder
        self._limit_ns = round(limit_s * _NS_PER_S)
        self._row = row_of(plan.entry)
        self._certificate = self._row.certificate(reach, victim)
        self._before: msgspec.Struct | None = None
        self._heal_begun_ns: int | None = None
        self._healed_at: HealedAt | None = None
        self._heal_due_ns: int | None = None
        """Of one that comes in steps: when it is to be healed, as far as that is known."""

    @property
    def lasts(self) -> bool:
        """It is still to be healed, and its certificate is not closed before that."""
        spans = self._row.spans_outage and self.plan.heal_after_ns is not None
        return spans and self._heal_begun_ns is None

    def prepare(self) -> None:
        """See what is to be seen before. Raises psycopg.Error when it cannot be seen."""
        self._before = self._certificate.before()

    def send(self, intended_ns: int) -> None:
        """Wait for the instant (milliseconds away) and do it; `record` writes it down.

        Nothing else stands between two of one instant.
        """
        while (left_ns := intended_ns - time.monotonic_ns()) > 0:
            time.sleep(left_ns / _NS_PER_S)
        self.sent_ns = self._row.inject(self._reach, self.victim, self.plan.fault)

    def record(self, intended_ns: int, phases_s: dict[str, float]) -> None:
        """Write down that it was done."""
        assert self._before is not None, "a fault is prepared before it is sent"
        self._recorder.record(
            FaultInjected(
                t_ns=self.sent_ns,
                fault=self.plan.fault,
                what=word_of(self.plan.entry),
                target=self.victim.target,
                ends_process=self._row.ends_process,
                trigger=self.plan.trigger,
                biased=self.plan.biased,
                intended_ns=intended_ns,
                parts=msgspec.to_builtins(self._before),
                phases_s=phases_s,
            )
        )

    def step(self) -> None:
        """Look at what the certificate still lacks; at the limit, write what was seen."""
        self.looked_ns = time.monotonic_ns()
        over_ns = self._over_ns()
        overdue = over_ns is not None and self.looked_ns - over_ns > self._limit_ns
        missing = self._certificate.missing(overdue=overdue)
        if over_ns is None:
            missing = missing or self._row.healed
        self.waiting_for = missing or ""
        if missing and not overdue:
            return
        closed = self._certificate.close(self.plan.fault)
        self.orphans, self.orphan_rows = closed.orphans, closed.orphan_rows
        ended = FaultEnded(
            t_ns=time.monotonic_ns(),
            fault=self.plan.fault,
            what=word_of(self.plan.entry),
            target=self.victim.target,
            parts=msgspec.to_builtins(closed.parts),
            raced=closed.raced,
            healed_ns=None if self._row.ends_process else self.healed_ns(),
        )
        self._recorder.record_all([*closed.lines, ended])
        self.certified = True

    def _over_ns(self) -> int | None:
        """From when on the limit counts; None = its outage is not over."""
        spans = self._row.spans_outage and self.plan.heal_after_ns is not None
        return self.healed_ns() if spans else self.sent_ns

    def go_on(self) -> None:
        """Take one that comes in steps further. To be called at every turn."""
        if self._row.go_on is not None and self._heal_begun_ns is None:
            self._heal_due_ns = self._row.go_on(self._reach, self.victim, self.plan.fault)

    def heal_due_ns(self) -> int | None:
        """When it is to be healed; None once it is, or when it never is."""
        if self._healed_at is not None or self.plan.heal_after_ns is None:
            return None
        if self._heal_due_ns is not None:
            return self._heal_due_ns
        if self._row.over_early(self._reach):
            return self.sent_ns  # at once
        return self.sent_ns + self.plan.heal_after_ns

    def heal(self) -> None:
        """End it: a slot is filled again, a connection restored. Called once, when it is due."""
        heal, healed_ns = self._row.heal, time.monotonic_ns()
        self._heal_begun_ns = healed_ns
        self._healed_at = (
            heal(self._reach, self.victim, self.plan.fault) if heal else lambda: healed_ns
        )

    def healed_ns(self) -> int | None:
        """When the healing had its effect; None = not yet."""
        return self._healed_at() if self._healed_at is not None else None
