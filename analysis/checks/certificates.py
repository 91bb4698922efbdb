"""What a kill must show for itself before anything is concluded from it."""

from __future__ import annotations

import signal
from collections.abc import Callable

from analysis.figures import Figures, seconds
from analysis.history.history import Records
from orchestrator.history.records import FaultEnded, FaultInjected

Part = Callable[[FaultInjected, FaultEnded], bool]

PARTS: dict[str, Part] = {
    "no intended instant": lambda sent, _: sent.trigger == "timed" and sent.intended_ns is None,
    "the victim was not reaped": lambda _, seen: seen.reaped_ns is None,
    "the wait status is not SIGKILL": lambda _, seen: seen.signal != signal.SIGKILL,
    "members of its process group live on": lambda _, seen: bool(seen.survivors),
    "no session of the victim was seen before the kill": lambda sent, _: not sent.sessions,
    "sessions that bear no name of the run were open": lambda sent, _: bool(sent.strangers),
    "its sessions were not seen to go": lambda _, seen: seen.sessions_gone_ns is None,
    "sessions of the victim are left": lambda _, seen: bool(seen.sessions_left),
    "its pipe was not read to the end": lambda _, seen: seen.eof_ns is None,
    "the rows were not read": lambda _, seen: seen.rows_read_ns is None,
    "its instants contradict one another": lambda sent, seen: _out_of_order(sent, seen),
}
"""By what it says when it is missing: whether that part of a certificate is missing."""


def _out_of_order(sent: FaultInjected, seen: FaultEnded) -> bool:
    """Whether something was seen before the signal or after the certificate was closed."""
    instants = (seen.reaped_ns, seen.eof_ns, seen.sessions_gone_ns, seen.rows_read_ns)
    known = [instant for instant in instants if instant is not None]
    early = sent.intended_ns is not None and sent.intended_ns > sent.t_ns
    return early or any(not sent.t_ns <= instant <= seen.t_ns for instant in known)


def certificate(sent: FaultInjected, seen: FaultEnded | None) -> Figures:
    """One kill's certificate; `missing` is empty when it is complete."""
    if seen is None:
        return {"complete": False, "missing": ["no fault_ended line"]}
    missing = [name for name, lacks in PARTS.items() if lacks(sent, seen)]

    def since_kill(at_ns: int | None) -> float | None:
        return None if at_ns is None else seconds(at_ns - sent.t_ns)

    return {
        "complete": not missing,
        "missing": missing,
        "signal": seen.signal,
        "exit_code": seen.exit_code,
        "survivors": len(seen.survivors),
        "sessions_before": len(sent.sessions),
        "sessions_left": [session.query for session in seen.sessions_left],
        "intended_s": since_kill(sent.intended_ns),
        "reaped_s": since_kill(seen.reaped_ns),
        "eof_s": since_kill(seen.eof_ns),
        "sessions_gone_s": since_kill(seen.sessions_gone_ns),
        "rows_read_s": since_kill(seen.rows_read_ns),
    }


def certificates(records: Records) -> dict[int, Figures]:
    """By a fault's number: its certificate."""
    ended = {seen.fault: seen for seen in records.of(FaultEnded)}
    return {
        sent.fault: certificate(sent, ended.get(sent.fault)) for sent in records.of(FaultInjected)
    }


def missing_parts(all_certificates: dict[int, Figures]) -> list[str]:
    """A sentence for every kill whose certificate is not complete."""
    return [
        f"Kill {fault} has no complete certificate: {'; '.join(found['missing'])}."
        for fault, found in sorted(all_certificates.items())
        if not found["complete"]
    ]
