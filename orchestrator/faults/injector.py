"""The faults of a run, carried out one after another: what is due is sent, what was sent is seen
through to its certificate, and healed in its time. What each sort of fault does, its row says."""

from __future__ import annotations

import time

from orchestrator.faults.held import Held
from orchestrator.faults.injected import InjectedFault
from orchestrator.faults.plan import PlannedFault, View, due_ns, phase_origin_ns, phases_s
from orchestrator.faults.settled import Settling
from orchestrator.faults.table import row_of, word_of
from orchestrator.faults.targets import Reach
from orchestrator.observe.parts import RunParts
from orchestrator.scenario.types import Scenario
from worker_child.protocol import Note, Rescue

_NS_PER_S = 1_000_000_000
_APPROACH_NS = 120_000_000
"""This long before a fault its victim is looked at: more than two turns of the loop."""


class FaultInjector:
    """Interprets the plan of faults. `advance` is called at every turn of the supervisor's loop."""

    def __init__(
        self,
        plan: list[PlannedFault],
        parts: RunParts,
        *,
        scenario: Scenario,
        rescue: Rescue | None,
        held: Held,
    ) -> None:
        self.pending = plan
        self.injected: list[InjectedFault] = []
        self.started_ns: int | None = None
        """T = 0; before it nothing is due."""
        self._scenario = scenario
        self._rescue = rescue
        self._parts = parts
        self._fleet = parts.fleet
        self._tracker = parts.tracker
        self._probe = parts.probe
        self._recorder = parts.recorder
        self._held = held
        self._reach = Reach(parts.fleet, parts.tracker, parts.probe)
        self._settling: Settling | None = None
        self._given_up_ns: int | None = None
        self._due_ns: int | None = None

    @property
    def certifying(self) -> bool:
        """Whether a certificate is being collected."""
        return any(not fault.certified for fault in self.injected)

    @property
    def busy(self) -> bool:
        """Whether something of the plan is still to come: a fault, a certificate, a healing."""
        return bool(self.pending) or self.certifying or self.next_heal_ns() is not None

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, so that only the world can bring what is pending."""
        return not self.certifying and self.next_heal_ns() is None

    def drop_what_never_came(self) -> None:
        """Give up what is still planned although everything has settled."""
        message = (
            f"{len(self.pending)} planned faults were left out: everything had settled, and their "
            "state had not come or their slot had no worker"
        )
        self._recorder.record(Note(time.monotonic_ns(), "fault_not_due", message))
        self.pending.clear()

    def advance(self) -> None:
        """Heal, certify and send whatever is due now. Raises psycopg.Error."""
        now_ns = time.monotonic_ns()
        for fault in self.injected:
            due = fault.heal_due_ns()
            if due is not None and now_ns >= due:
                fault.heal()
            if not fault.certified:
                fault.step()
        self._due_ns = None
        if self.pending and self.started_ns is not None and not self.certifying:
            self._send_if_due(self.pending[0], self.started_ns)

    def next_heal_ns(self) -> int | None:
        """When the next fault is to be healed."""
        dues = [due for fault in self.injected if (due := fault.heal_due_ns()) is not None]
        return min(dues, default=None)

    def next_due_ns(self) -> int | None:
        """When the next healing or fault is due, as far as that is known."""
        known = [due for due in (self.next_heal_ns(), self._due_ns) if due is not None]
        return min(known, default=None)

    def settled_since_ns(self) -> int | None:
        """Since when the last fault has settled, or was given up; T = 0 before the first.

        Raises psycopg.Error.
        """
        if not self.injected:
            return self.started_ns
        if self._given_up_ns is not None:
            return self._given_up_ns
        if self._settling is None:
            self._settling = Settling(
                self.injected[-1],
                self._parts,
                arrivals_per_s=self._scenario.workload.rate_per_s,
            )
        settled_ns = self._settling.look()
        if settled_ns is None:
            self._abandon_if_hopeless(self._settling)
        return settled_ns

    def waiting_for(self) -> str:
        """For a person: what is waited for."""
        if self._settling is not None and self._settling.waiting_for:
            return self._settling.waiting_for
        return f"{len(self.pending)} faults to come" if self.pending else "the last healing"

    def _send_if_due(self, plan: PlannedFault, started_ns: int) -> None:
        view = self._view(plan, started_ns)
        intended_ns = due_ns(plan, view)
        if intended_ns is None or intended_ns - time.monotonic_ns() > _APPROACH_NS:
            self._due_ns = None if intended_ns is None else intended_ns - _APPROACH_NS
            return
        victim = row_of(plan.entry).target(self._reach, plan.entry)
        if victim is None:
            return
        self.pending.pop(0)
        fault = InjectedFault(
            plan,
            victim,
            reach=self._reach,
            recorder=self._recorder,
            limit_s=self._scenario.limits.sessions_gone_s,
        )
        fault.send(intended_ns, phases_s(plan, phase_origin_ns(plan, view), intended_ns))
        self.injected.append(fault)
        self._settling = None

    def _view(self, plan: PlannedFault, started_ns: int) -> View:
        return View(
            now_ns=time.monotonic_ns(),
            started_ns=started_ns,
            completed=self._tracker.completed,
            in_flight=self._in_flight(plan),
            held_reached=plan.trigger == "held" and self._held.reached(),
            settled_since_ns=self.settled_since_ns() if plan.repeated else None,
            ready_ns={
                child.slot: ready.t_ns
                for child in self._fleet.living()
                if (ready := self._tracker.ready.get((child.slot, child.incarnation)))
            },
        )

    def _in_flight(self, plan: PlannedFault) -> int:
        """Asked of the queue only where a trigger rests on it, and only once the rest holds."""
        when = plan.when
        if when is None or self._tracker.completed < (when.completed or 0):
            return 0
        return self._probe.counts().claimed

    def _abandon_if_hopeless(self, settling: Settling) -> None:
        fault = self.injected[-1]
        now_ns = time.monotonic_ns()
        outage_s = ((_over_ns(fault) or now_ns) - fault.sent_ns) / _NS_PER_S
        bound_s = self._rescue.bound_s(outage_s) if self._rescue else 0.0
        limit_s = bound_s + self._scenario.limits.settle_s
        if now_ns - fault.sent_ns > limit_s * _NS_PER_S:
            message = (
                f"{word_of(fault.plan.entry)} {fault.plan.fault} did not settle within "
                f"{limit_s:g} s of it, still waiting for {settling.waiting_for}: the "
                f"{len(self.pending)} faults to come are left out"
            )
            self._recorder.record(Note(t_ns=now_ns, code="not_settled", message=message))
            self.pending.clear()
            self._given_up_ns = now_ns


def _over_ns(fault: InjectedFault) -> int | None:
    """When its outage was over, as far as rescues wait for it; None = it is not."""
    if fault.plan.heal_after_ns is None:
        return fault.sent_ns  # nobody to wait for: the survivors are ready
    return fault.healed_ns()
