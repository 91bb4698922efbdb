"""The faults of a run, carried out one after another: what is due is sent, what was sent is seen
through to its certificate, what was killed is respawned in its time."""

from __future__ import annotations

import time
from collections.abc import Callable

from orchestrator.faults.certificate import Kill, Stage
from orchestrator.faults.held import Held
from orchestrator.faults.plan import PlannedKill, View, due_ns
from orchestrator.faults.settled import Settling
from orchestrator.observe.parts import RunParts
from orchestrator.scenario.types import Scenario
from orchestrator.workers.fleet import Outage
from worker_child.protocol import Note, Rescue

_NS_PER_S = 1_000_000_000
_APPROACH_NS = 120_000_000
"""This long before a kill the victim's sessions are looked at: more than two turns of the loop."""


class Campaign:
    """Interprets the plan of kills. `advance` is called at every turn of the supervisor's loop."""

    def __init__(
        self,
        plan: list[PlannedKill],
        parts: RunParts,
        *,
        scenario: Scenario,
        rescue: Rescue | None,
        held: Held,
        own_pids: Callable[[], frozenset[int]],
    ) -> None:
        self.pending = plan
        self.kills: list[Kill] = []
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
        self._own_pids = own_pids
        self._settling: Settling | None = None
        self._given_up_ns: int | None = None
        self._due_ns: int | None = None

    @property
    def certifying(self) -> bool:
        """Whether a certificate is being collected."""
        return any(kill.stage is not Stage.DONE for kill in self.kills)

    @property
    def busy(self) -> bool:
        """Whether something of the plan is still to come: a kill, a certificate, a respawn."""
        return bool(self.pending) or self.certifying or self.next_respawn_ns() is not None

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, so that only the world can bring what is pending."""
        return not self.certifying and self.next_respawn_ns() is None

    def drop_what_never_came(self) -> None:
        """Give up what is still planned although everything has settled."""
        message = (
            f"{len(self.pending)} planned faults were left out: everything had settled, and their "
            "state had not come or their slot had no worker"
        )
        self._recorder.record(Note(time.monotonic_ns(), "fault_not_due", message))
        self.pending.clear()

    def advance(self) -> None:
        """Respawn, certify and send whatever is due now. Raises psycopg.Error."""
        now_ns = time.monotonic_ns()
        for kill in self.kills:
            due = kill.respawn_due_ns()
            if due is not None and now_ns >= due:
                kill.respawned = self._fleet.spawn(kill.plan.slot, after_fault=kill.plan.fault)
            if kill.stage is not Stage.DONE:
                kill.step()
        self._due_ns = None
        if self.pending and self.started_ns is not None and not self.certifying:
            self._send_if_due(self.pending[0], self.started_ns)

    def next_respawn_ns(self) -> int | None:
        """When the next slot is to be filled again."""
        dues = [due for kill in self.kills if (due := kill.respawn_due_ns()) is not None]
        return min(dues, default=None)

    def next_due_ns(self) -> int | None:
        """When the next respawn or kill is due, as far as that is known."""
        known = [due for due in (self.next_respawn_ns(), self._due_ns) if due is not None]
        return min(known, default=None)

    def settled_since_ns(self) -> int | None:
        """Since when the last kill has settled, or was given up; T = 0 before the first.

        Raises psycopg.Error.
        """
        if not self.kills:
            return self.started_ns
        if self._given_up_ns is not None:
            return self._given_up_ns
        if self._settling is None:
            self._settling = Settling(
                self.kills[-1],
                self._parts,
                arrivals_per_s=self._scenario.workload.rate_per_s,
            )
        settled_ns = self._settling.look()
        if settled_ns is None:
            self._abandon_if_hopeless(self._settling)
        return settled_ns

    def waiting_for(self) -> str:
        """For a person: what the campaign waits for."""
        if self._settling is not None and self._settling.waiting_for:
            return self._settling.waiting_for
        return f"{len(self.pending)} kills to come" if self.pending else "the last respawn"

    def harms(self) -> list[Outage]:
        """Every kill, and when the next incarnation of its slot was ready."""
        return [(kill.sent_ns, self._ready_after(kill)) for kill in self.kills]

    def _send_if_due(self, plan: PlannedKill, started_ns: int) -> None:
        intended_ns = due_ns(plan, self._view(plan, started_ns))
        if intended_ns is None or intended_ns - time.monotonic_ns() > _APPROACH_NS:
            self._due_ns = None if intended_ns is None else intended_ns - _APPROACH_NS
            return
        child = self._fleet.in_slot(plan.slot)
        if child is None or (child.slot, child.incarnation) not in self._tracker.ready:
            return
        self.pending.pop(0)
        kill = Kill(
            plan,
            child,
            self._parts,
            own_pids=self._own_pids(),
            limit_s=self._scenario.limits.sessions_gone_s,
        )
        kill.send(intended_ns)
        self.kills.append(kill)
        self._settling = None

    def _view(self, plan: PlannedKill, started_ns: int) -> View:
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

    def _in_flight(self, plan: PlannedKill) -> int:
        """Asked of the queue only where a trigger rests on it, and only once the rest holds."""
        when = plan.when
        if when is None or self._tracker.completed < (when.completed or 0):
            return 0
        return self._probe.counts().claimed

    def _abandon_if_hopeless(self, settling: Settling) -> None:
        kill = self.kills[-1]
        now_ns = time.monotonic_ns()
        outage_s = ((self._ready_after(kill) or now_ns) - kill.sent_ns) / _NS_PER_S
        bound_s = self._rescue.bound_s(outage_s) if self._rescue else 0.0
        limit_s = bound_s + self._scenario.limits.settle_s
        if now_ns - kill.sent_ns > limit_s * _NS_PER_S:
            message = (
                f"kill {kill.plan.fault} did not settle within {limit_s:g} s of it, still waiting "
                f"for {settling.waiting_for}: the {len(self.pending)} kills to come are left out"
            )
            self._recorder.record(Note(t_ns=now_ns, code="not_settled", message=message))
            self.pending.clear()
            self._given_up_ns = now_ns

    def _ready_after(self, kill: Kill) -> int | None:
        if kill.plan.respawn_after_ns is None:
            return kill.sent_ns  # nobody to wait for: the survivors are ready
        if kill.respawned is None:
            return None
        key = kill.respawned.slot, kill.respawned.incarnation
        ready = self._tracker.ready.get(key)
        return ready.t_ns if ready else None
