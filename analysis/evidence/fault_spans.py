"""From when to when each fault lasted, and whom it held up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.evidence.run_spec import planned_by_number
from analysis.history.columns import worker_key
from analysis.history.history import History
from orchestrator.history.records import ChildSpawned, FaultEnded, FaultInjected
from orchestrator.history.rescuer import Outage
from orchestrator.scenario.faults import Fault


@dataclass(frozen=True, slots=True)
class FaultSpan:
    """One fault in time, CLOCK_MONOTONIC nanoseconds."""

    fault: int
    """Its number in the run."""
    what: str
    """The scenario's word for it."""
    began_ns: int
    healed_ns: int | None
    """When it was over; None = it never was. Where a slot was never filled again, and was to be:
    None; where it was not to be: when it began."""
    workers: frozenset[int]
    """The keys of the incarnations that it hit; empty = nobody's in particular, so everybody's."""
    slots: frozenset[int]
    """Their slots."""
    ends_process: bool
    """The workers that it hit are dead by it."""
    holds_up: bool = True
    """Whoever it hit could not get on while it lasted."""
    lets_go: bool = False
    """The workers that it hit were told to leave: it holds them up in nothing."""

    def hits(self, worker: int) -> bool:
        """Whether it held up the incarnation of this key."""
        return self.holds_up and (not self.workers or worker in self.workers)


def fault_spans(history: History) -> tuple[FaultSpan, ...]:
    """Every fault of the run, in the order of time."""
    planned = planned_by_number(history)
    ended = {seen.fault: seen for seen in history.records.of(FaultEnded)}
    refilled = {
        spawned.after_fault: spawned.t_ns
        for spawned in reversed(history.records.of(ChildSpawned))
        if spawned.after_fault is not None
    }

    def span(sent: FaultInjected) -> FaultSpan:
        seen = ended.get(sent.fault)
        healed_ns = seen.healed_ns if seen is not None else None
        if healed_ns is None and sent.ends_process:
            healed_ns = refilled.get(sent.fault)
        if healed_ns is None and (seen is not None or sent.ends_process):
            healed_ns = _as_planned(sent, planned)
        return FaultSpan(
            fault=sent.fault,
            what=sent.what,
            began_ns=sent.t_ns,
            healed_ns=healed_ns,
            workers=frozenset(worker_key(w.slot, w.incarnation) for w in sent.target.workers),
            slots=frozenset(worker.slot for worker in sent.target.workers),
            ends_process=sent.ends_process,
            holds_up=sent.fault not in planned or planned[sent.fault].HOLDS_UP,
            lets_go=sent.lets_go,
        )

    spans = [span(sent) for sent in history.records.of(FaultInjected)]
    return tuple(sorted(spans, key=lambda span: (span.began_ns, span.fault)))


def _as_planned(sent: FaultInjected, planned: Mapping[int, Fault]) -> int | None:
    """Where no line tells its end: as the scenario has it."""
    if sent.fault not in planned:
        return None
    outage_s = planned[sent.fault].outage_s
    if sent.ends_process:
        return sent.t_ns if outage_s is None else None
    return None if outage_s is None else sent.t_ns + round(outage_s * 1e9)


def outages(spans: Sequence[FaultSpan]) -> tuple[Outage, ...]:
    """Those that held somebody up and ended no process: deadlines count from their ends."""
    return tuple(
        Outage(span.began_ns, span.healed_ns)
        for span in spans
        if span.holds_up and not span.ends_process
    )
