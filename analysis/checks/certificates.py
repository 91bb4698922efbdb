"""What a fault must show for itself before anything is concluded from it."""

from __future__ import annotations

import msgspec

from analysis.checks.forms.database import PINNED_SNAPSHOT, POOL_EXHAUSTION, READ_ONLY, TABLE_LOCK
from analysis.checks.forms.departure import DEPARTURE, TERMINATE
from analysis.checks.forms.form import Certificate, Form, Part, Witnessed
from analysis.checks.forms.kill import KILL
from analysis.checks.forms.leader import KILL_LEADER_ONLY
from analysis.checks.forms.namesake import SAME_IDENTITY
from analysis.checks.forms.network import BLACKHOLE, RESET
from analysis.checks.forms.pause import PAUSE
from analysis.checks.forms.poison import POISON
from analysis.checks.forms.producer import KILL_DURING_ENQUEUE
from analysis.checks.forms.server import DATABASE_CRASH, DATABASE_PAUSE, DATABASE_RESTART
from analysis.checks.forms.sessions import BACKEND_TERMINATE
from analysis.checks.forms.stall import STALL
from analysis.faults_named import fault_named
from analysis.history.history import Records
from orchestrator.history.records import FaultEnded, FaultInjected
from worker_child.protocol import ChildReady

FORMS: dict[str, Form] = {
    "kill": KILL,
    "kill_at_once": KILL,
    "storm": KILL,
    "crash_loop": KILL,
    "kill_leader_only": KILL_LEADER_ONLY,
    "stall": STALL,
    "pause": PAUSE,
    "kill_during_enqueue": KILL_DURING_ENQUEUE,
    "deploy": DEPARTURE,
    "terminate": TERMINATE,
    "poison": POISON,
    "same_identity": SAME_IDENTITY,
    "backend_terminate": BACKEND_TERMINATE,
    "blackhole": BLACKHOLE,
    "reset": RESET,
    "database_restart": DATABASE_RESTART,
    "database_crash": DATABASE_CRASH,
    "read_only": READ_ONLY,
    "pool_exhaustion": POOL_EXHAUSTION,
    "table_lock": TABLE_LOCK,
    "database_pause": DATABASE_PAUSE,
    "pinned_snapshot": PINNED_SNAPSHOT,
}
"""By a fault's `what`."""


def _no_intended_instant(fault: Witnessed) -> bool:
    return fault.sent.trigger == "timed" and fault.sent.intended_ns is None


def _out_of_order(fault: Witnessed) -> bool:
    """Whether something was seen before the fault or after the certificate was closed."""
    parts = msgspec.to_builtins(fault.after)
    known = [value for name, value in parts.items() if name.endswith("_ns") and value is not None]
    intended_ns, sent_ns = fault.sent.intended_ns, fault.sent.t_ns
    early = intended_ns is not None and intended_ns > sent_ns
    return early or any(not sent_ns <= instant <= fault.seen.t_ns for instant in known)


FIRST: dict[str, Part] = {"no intended instant": _no_intended_instant}
LAST: dict[str, Part] = {"its instants contradict one another": _out_of_order}
"""The parts of every certificate, around those of its own."""


def certificate(
    sent: FaultInjected, seen: FaultEnded | None, ready_ns: int | None = None
) -> Certificate:
    """One fault's certificate; `missing` is empty when it is complete.

    `ready_ns` is when the victim said that it was ready; None = it did not.
    """
    form = FORMS[sent.what]
    if seen is None or seen.what != sent.what:
        nothing = FaultEnded(sent.t_ns, sent.fault, sent.what, sent.target, parts={})
        why = "no fault_ended line" if seen is None else f"its end is that of a {seen.what}"
        return form.filled_in(_witnessed(sent, nothing, ready_ns), [why])
    fault = _witnessed(sent, seen, ready_ns, seen.t_ns)
    parts = {**FIRST, **form.parts, **LAST}
    return form.filled_in(fault, [name for name, lacks in parts.items() if lacks(fault)])


def _witnessed(
    sent: FaultInjected, seen: FaultEnded, ready_ns: int | None, closed_ns: int | None = None
) -> Witnessed:
    return Witnessed(sent, seen, sent.before, seen.after, ready_ns, closed_ns)


def certificates(records: Records) -> dict[int, Certificate]:
    """By a fault's number: its certificate."""
    ended = {seen.fault: seen for seen in records.of(FaultEnded)}
    ready_ns = {(line.slot, line.incarnation): line.t_ns for line in records.of(ChildReady)}

    def of(sent: FaultInjected) -> Certificate:
        victims = [ready_ns.get((w.slot, w.incarnation)) for w in sent.target.workers]
        known = [instant for instant in victims if instant is not None]
        return certificate(sent, ended.get(sent.fault), min(known, default=None))

    return {sent.fault: of(sent) for sent in records.of(FaultInjected)}


def missing_parts(records: Records, all_certificates: dict[int, Certificate]) -> list[str]:
    """A sentence for every fault whose certificate is not complete."""
    names = {
        sent.fault: fault_named(sent.what, sent.fault).capitalize()
        for sent in records.of(FaultInjected)
    }
    return [
        f"{names[fault]} has no complete certificate: {'; '.join(found.missing)}."
        for fault, found in sorted(all_certificates.items())
        if not found.complete
    ]
