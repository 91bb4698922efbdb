"""A successor that a crash loop was to kill before it was ready had not said that it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from analysis.evidence.run_spec import planned_by_number
from analysis.faults_named import nth
from analysis.history.history import History
from orchestrator.history.records import FaultInjected
from orchestrator.scenario.faults import CrashLoop
from worker_child.protocol import ChildReady


def _before_they_were_ready(history: History) -> Iterator[str]:
    planned = planned_by_number(history)
    ready_ns = {(one.slot, one.incarnation): one.t_ns for one in history.records.of(ChildReady)}
    for sent in history.records.of(FaultInjected):
        entry = planned.get(sent.fault)
        if not isinstance(entry, CrashLoop):
            continue
        for worker in sent.target.workers:
            said_ns = ready_ns.get((worker.slot, worker.incarnation))
            was_ready = said_ns is not None and said_ns <= sent.t_ns
            if not entry.is_first and was_ready:
                yield (
                    f"Fault {nth(sent.fault)} was to kill a successor before it was ready, and it "
                    "was ready: no crash loop."
                )


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (_before_they_were_ready,)
