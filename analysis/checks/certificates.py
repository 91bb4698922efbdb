"""What a fault must show for itself before anything is concluded from it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from analysis.figures import Figures, seconds
from analysis.history.history import Records
from orchestrator.history.records import FaultEnded, FaultInjected


@dataclass(frozen=True, slots=True)
class Witnessed:
    """The two lines of a fault, and their parts by the type that belongs to its `what`."""

    sent: FaultInjected
    seen: FaultEnded
    before: Any
    after: Any

    def since(self, at_ns: int | None) -> float | None:
        """Seconds from the fault to an instant."""
        return None if at_ns is None else seconds(at_ns - self.sent.t_ns)


Part = Callable[[Witnessed], bool]


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the certificate of one sort of fault consists of."""

    parts: Mapping[str, Part]
    """By what it says when it is missing: whether that part is missing."""
    figures: Callable[[Witnessed], Figures]
    """What the summary shows of it."""


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


def _kill_figures(kill: Witnessed) -> Figures:
    return {
        "signal": kill.after.signal,
        "exit_code": kill.after.exit_code,
        "survivors": len(kill.after.survivors),
        "sessions_before": len(kill.before.sessions),
        "sessions_left": [session.query for session in kill.after.sessions_left],
        "reaped_s": kill.since(kill.after.reaped_ns),
        "eof_s": kill.since(kill.after.eof_ns),
        "sessions_gone_s": kill.since(kill.after.sessions_gone_ns),
        "rows_read_s": kill.since(kill.after.rows_read_ns),
    }


CERTIFICATES: dict[str, Certificate] = {
    "kill": Certificate(
        {
            "the victim was not reaped": lambda k: k.after.reaped_ns is None,
            "the wait status is not SIGKILL": lambda k: k.after.signal != signal.SIGKILL,
            "members of its process group live on": lambda k: bool(k.after.survivors),
            "no session of the victim was seen before the kill": lambda k: not k.before.sessions,
            "sessions that bear no name of the run were open": lambda k: bool(
                k.before.unknown_sessions
            ),
            "its sessions were not seen to go": lambda k: k.after.sessions_gone_ns is None,
            "sessions of the victim are left": lambda k: bool(k.after.sessions_left),
            "its pipe was not read to the end": lambda k: k.after.eof_ns is None,
            "the rows were not read": lambda k: k.after.rows_read_ns is None,
        },
        _kill_figures,
    ),
}
"""By a fault's `what`."""


def certificate(sent: FaultInjected, seen: FaultEnded | None) -> Figures:
    """One fault's certificate; `missing` is empty when it is complete."""
    if seen is None:
        return {"complete": False, "missing": ["no fault_ended line"]}
    if seen.what != sent.what:
        return {"complete": False, "missing": [f"its end is that of a {seen.what}"]}
    fault = Witnessed(sent, seen, sent.before, seen.after)
    of_its_sort = CERTIFICATES[sent.what]
    parts = {**FIRST, **of_its_sort.parts, **LAST}
    missing = [name for name, lacks in parts.items() if lacks(fault)]
    return {
        "complete": not missing,
        "missing": missing,
        "intended_s": fault.since(sent.intended_ns),
        **of_its_sort.figures(fault),
    }


def certificates(records: Records) -> dict[int, Figures]:
    """By a fault's number: its certificate."""
    ended = {seen.fault: seen for seen in records.of(FaultEnded)}
    return {
        sent.fault: certificate(sent, ended.get(sent.fault)) for sent in records.of(FaultInjected)
    }


def missing_parts(records: Records, all_certificates: dict[int, Figures]) -> list[str]:
    """A sentence for every fault whose certificate is not complete."""
    words = {sent.fault: sent.what.capitalize() for sent in records.of(FaultInjected)}
    return [
        f"{words[fault]} {fault} has no complete certificate: {'; '.join(found['missing'])}."
        for fault, found in sorted(all_certificates.items())
        if not found["complete"]
    ]
