"""The faults of a run, carried out as planned: what is due is sent, what was sent is seen through
to its certificate, and healed in its time. None waits for the certificate of another. What each
sort of fault does, its row says."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from orchestrator.faults.held import Held
from orchestrator.faults.injected import InjectedFault
from orchestrator.faults.plan import PlannedFault, View, due_ns, phase_origin_ns, phases_s
from orchestrator.faults.poison import first_announced_ns, waiting
from orchestrator.faults.round_trips import RoundTripWatch
from orchestrator.faults.settled import Settling
from orchestrator.faults.table import rescued_after_s, row_of, word_of
from orchestrator.faults.targets import Reach
from orchestrator.history.rescuer import Outage
from orchestrator.observe.parts import RunParts
from orchestrator.proxy.proxy import Proxy
from orchestrator.scenario.capacity import distinct_rate_per_s
from orchestrator.scenario.types import Scenario
from worker_child.protocol import Note, Rescue

_NS_PER_S = 1_000_000_000
_APPROACH_NS = 120_000_000
"""This long before a fault its victim is looked at: more than two turns of the loop."""
_CLOSE_APPROACH_NS = 30_000_000
"""The same while certificates are open: the loop turns more often, and they are not to wait."""
_APPROACH_EACH_NS = 5_000_000
"""And so much more for each further one of the same instant, whose victim is looked at as well."""
_QUIET_NS = 150_000_000
"""So long before a fault no certificate is gone on with: a look for survivors among all processes
of a busy machine takes up to a tenth of a second, by which the fault would come late."""
_PATIENCE_NS = 2_000_000_000
"""A certificate that is open for so long is gone on with all the same."""
_OUTAGE_LOOK_NS = 100_000_000
"""So often one is looked at whose outage lasts, once it has lasted for a moment."""
_OUTAGE_BEGUN_NS = 500_000_000
_TURN_NS = 20_000_000
"""In a turn that has taken so long no further certificate is gone on with: a healing may be due."""
_TOGETHER_NS = 20_000_000
"""Faults that are due within so much of each other are sent in one go."""


@dataclass
class _Due:
    """A planned fault whose instant is known."""

    plan: PlannedFault
    intended_ns: int
    phases_s: dict[str, float]
    fault: InjectedFault | None = None
    """Once it is aimed."""


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
        watch: RoundTripWatch | None = None,
        networks: Mapping[int, Proxy] = MappingProxyType({}),
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
        self._watch = watch
        self._reach = Reach(
            parts.fleet,
            parts.tracker,
            parts.probe,
            watch,
            server=parts.server,
            absence=parts.absence,
            producers=parts.producers,
            networks=networks,
        )
        self._unsettled: list[Settling] = []
        self._settled_ns: int | None = None
        """When the last of those that have settled did."""
        self._given_up_ns: int | None = None
        self._due_ns: int | None = None

    @property
    def certifying(self) -> bool:
        """Whether a certificate is being collected."""
        return any(not fault.certified for fault in self.injected)

    @property
    def hurries(self) -> bool:
        """Whether a certificate is being collected that is to be gone on with at once."""
        now_ns = time.monotonic_ns()
        return any(not (fault.certified or _can_wait(fault, now_ns)) for fault in self.injected)

    @property
    def busy(self) -> bool:
        """Whether something of the plan is still to come: a fault, a certificate, a healing."""
        return bool(self.pending) or self.certifying or self.next_heal_ns() is not None

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, so that only the world can bring what is pending."""
        return not self.certifying and self.next_heal_ns() is None

    def drop_what_never_came(self) -> None:
        """Give up what is still planned although everything has settled. Of what jobs bring about
        no more was to come than they did."""
        if all(plan.entry.BY_JOBS for plan in self.pending):
            self.pending.clear()
            return
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
            fault.go_on()
            due = fault.heal_due_ns()
            if due is not None and now_ns >= due:
                fault.heal()
        self._certify(now_ns)
        self._due_ns = None
        if self.pending and self.started_ns is not None:
            self._send_what_is_due(self.started_ns)

    def close(self) -> None:
        """Close what faults still hold open, where the run ends before they do."""
        self._reach.opened.close()

    def next_heal_ns(self) -> int | None:
        """When the next fault is to be healed."""
        dues = [due for fault in self.injected if (due := fault.heal_due_ns()) is not None]
        return min(dues, default=None)

    def next_due_ns(self) -> int | None:
        """When the next healing or fault is due, as far as that is known."""
        known = [due for due in (self.next_heal_ns(), self._due_ns) if due is not None]
        return min(known, default=None)

    def outages(self) -> list[Outage]:
        """The faults so far that ended no process: when they began, and when they were over; None =
        that is still to come. Left out is one whose end nothing brings any more."""
        return [
            Outage(fault.sent_ns, fault.healed_ns())
            for fault in self.injected
            if not row_of(fault.plan.entry).ends_process
            and fault.plan.entry.HOLDS_UP
            and (fault.healed_ns() or fault.heal_due_ns() or not fault.certified)
        ]

    def waits_for_good(self) -> int:
        """Executions that wait to kill their worker, and no further death is planned."""
        return 0 if self.pending else len(list(waiting(self._reach)))

    def settled_since_ns(self) -> int | None:
        """Since when every fault so far has settled, or was given up; T = 0 before the first.

        Raises psycopg.Error.
        """
        if not self.injected:
            return self.started_ns
        if self._given_up_ns is not None:
            return self._given_up_ns
        for settling in list(self._unsettled):
            settled_ns = settling.look()
            if settled_ns is not None:
                self._settled_ns = max(settled_ns, self._settled_ns or 0)
                self._unsettled.remove(settling)
            elif self._abandoned_as_hopeless(settling):
                break
        return None if self._unsettled else self._settled_ns

    def waiting_for(self) -> str:
        """For a person: what is waited for."""
        if self._unsettled and self._unsettled[0].looked:
            return self._unsettled[0].waiting_for
        return f"{len(self.pending)} faults to come" if self.pending else "the last healing"

    def _certify(self, now_ns: int) -> None:
        """Go on with the open certificates, first with the one that has waited longest."""
        quiet = self._is_fault_near(now_ns)
        for fault in sorted(self.injected, key=lambda fault: fault.looked_ns):
            if fault.certified or (quiet and now_ns - fault.sent_ns < _PATIENCE_NS):
                continue
            if _can_wait(fault, now_ns) and now_ns - fault.looked_ns < _OUTAGE_LOOK_NS:
                continue
            fault.step()
            if time.monotonic_ns() - now_ns > _TURN_NS:
                break

    def _is_fault_near(self, now_ns: int) -> bool:
        """Whether a planned instant is just ahead. One that has passed waits for a worker."""
        if self.started_ns is None:
            return False
        ahead_ns = [
            self.started_ns + plan.at_ns - now_ns for plan in self.pending if plan.at_ns is not None
        ]
        return any(0 <= left_ns <= _QUIET_NS for left_ns in ahead_ns)

    def _send_what_is_due(self, started_ns: int) -> None:
        """All that is due at one instant goes out in one go: their victims are looked at before,
        and what was seen is written down after."""
        now_ns = time.monotonic_ns()
        due = self._due_together(started_ns)
        if not due:
            return
        intended_ns = due[0].intended_ns
        approach_ns = _CLOSE_APPROACH_NS if self.certifying else _APPROACH_NS
        approach_ns += _APPROACH_EACH_NS * (len(due) - 1)
        heal_ns = self.next_heal_ns()
        if heal_ns is not None and now_ns < heal_ns < intended_ns:
            return  # to be healed first: the loop comes back for it
        if intended_ns - now_ns > approach_ns:
            self._due_ns = intended_ns - approach_ns
            return
        self._send([each for each in due if self._aim(each)])

    def _due_together(self, started_ns: int) -> list[_Due]:
        """What comes next: the earliest fault whose instant is known and whose slot has a worker,
        and those within a moment of it that hit other slots."""
        known = sorted(self._known(started_ns), key=lambda each: each.intended_ns)
        slots: set[int] = set()
        together: list[_Due] = []
        for each in known:
            hits = set(each.plan.entry.slots)
            if together and each.intended_ns > together[0].intended_ns + _TOGETHER_NS:
                break
            if not hits & slots and self._finds_all(each.plan):
                together.append(each)
            slots |= hits
        return together

    def _finds_all(self, plan: PlannedFault) -> bool:
        """Whether each fault of its round has somebody to hit."""
        entries = [other.entry for other in self._round_of(plan)]
        return all(row_of(entry).target(self._reach, entry) for entry in entries)

    def _round_of(self, plan: PlannedFault) -> list[PlannedFault]:
        return [other for other in self.pending if other.round == plan.round]

    def _known(self, started_ns: int) -> Iterator[_Due]:
        """Every fault with an instant. Of those that wait for the world only the first is asked."""
        waiting: PlannedFault | None = None
        for plan in self.pending:
            if plan.at_ns is not None:
                yield _Due(plan, started_ns + plan.at_ns, {})
            elif waiting is None:
                waiting = plan
            if plan.repeated:
                break
        if waiting is None:
            return
        view = self._view(waiting, started_ns)
        at_ns = due_ns(waiting, view)
        if at_ns is not None:
            reached_s = phases_s(waiting, phase_origin_ns(waiting, view), at_ns)
            yield from (_Due(plan, at_ns, reached_s) for plan in self._round_of(waiting))

    def _aim(self, due: _Due) -> bool:
        """Find its victim and see what is to be seen before; False = its slot has just emptied."""
        victim = row_of(due.plan.entry).target(self._reach, due.plan.entry)
        if victim is None:
            return False
        due.fault = InjectedFault(
            due.plan,
            victim,
            reach=self._reach,
            recorder=self._recorder,
            limit_s=self._scenario.limits.sessions_gone_s,
        )
        due.fault.prepare()
        return True

    def _send(self, aimed: list[_Due]) -> None:
        sent: list[tuple[_Due, InjectedFault]] = []
        for each in aimed:
            assert each.fault is not None
            each.fault.send(each.intended_ns)
            sent.append((each, each.fault))
        for each, fault in sent:
            fault.record(each.intended_ns, each.phases_s)
            self.pending.remove(each.plan)
            self.injected.append(fault)
            arrivals_per_s = distinct_rate_per_s(self._scenario.workload)
            self._unsettled.append(Settling(fault, self._parts, arrivals_per_s=arrivals_per_s))

    def _view(self, plan: PlannedFault, started_ns: int) -> View:
        return View(
            now_ns=time.monotonic_ns(),
            started_ns=started_ns,
            completed=self._tracker.completed,
            in_flight=self._in_flight(plan),
            point_ns=self._watch.reached_ns if self._watch is not None else None,
            announced_ns=first_announced_ns(self._reach),
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

    def _abandoned_as_hopeless(self, settling: Settling) -> bool:
        fault = settling.fault
        now_ns = time.monotonic_ns()
        outage_s = ((_over_ns(fault) or now_ns) - fault.sent_ns) / _NS_PER_S
        bound_s = rescued_after_s(fault.plan.entry, self._rescue, outage_s)
        limit_s = bound_s + self._scenario.limits.settle_s
        if now_ns - fault.sent_ns <= limit_s * _NS_PER_S:
            return False
        message = (
            f"the {word_of(fault.plan.entry).replace('_', ' ')} did not settle within "
            f"{limit_s:g} s of it, still waiting for {settling.waiting_for}: the "
            f"{len(self.pending)} faults to come are left out"
        )
        self._recorder.record(Note(t_ns=now_ns, code="not_settled", message=message))
        self.pending.clear()
        self._given_up_ns = now_ns
        return True


def _can_wait(fault: InjectedFault, now_ns: int) -> bool:
    """Whether its outage goes on and on."""
    return fault.lasts and now_ns - fault.sent_ns > _OUTAGE_BEGUN_NS


def _over_ns(fault: InjectedFault) -> int | None:
    """When its outage was over, as far as rescues wait for it; None = it is not."""
    if fault.plan.heal_after_ns is None:
        return fault.sent_ns  # nobody to wait for: the survivors are ready
    return fault.healed_ns()
