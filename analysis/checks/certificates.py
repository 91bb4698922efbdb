"""What a kill must show for itself before anything is concluded from it."""

from __future__ import annotations

import signal
from collections.abc import Callable

from analysis.history.history import Records
from analysis.section import Section, seconds
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


class Certificate(Section, frozen=True, kw_only=True):
    """What was seen of one kill. Null = it was not seen; seconds count from the signal."""

    complete: bool
    """Nothing is missing: the kill may be concluded from."""
    missing: list[str]
    """What is missing, in words; empty where it is complete."""
    signal: int | None
    """The signal in the victim's wait status."""
    exit_code: int | None
    """Its exit code, where it left by itself."""
    survivors: int
    """Living members of its process group that were seen."""
    sessions_before: int
    """Its database sessions just before the signal."""
    sessions_left: list[str | None]
    """The last query of each of its sessions that did not go."""
    intended_s: float | None
    """When the kill was to be sent, seconds; negative = the signal came after that."""
    reaped_s: float | None
    """When the victim was reaped, seconds."""
    eof_s: float | None
    """When its pipe had been read to the end, seconds."""
    sessions_gone_s: float | None
    """When the last of its sessions was gone, seconds."""
    rows_read_s: float | None
    """When the rows that it held had been read, seconds."""


def certificate(sent: FaultInjected, seen: FaultEnded | None) -> Certificate:
    """One kill's certificate; `missing` is empty when it is complete."""
    if seen is None:
        nothing = FaultEnded(sent.t_ns, sent.fault, sent.slot, sent.incarnation, sent.pid)
        return _certificate(sent, nothing, ["no fault_ended line"])
    return _certificate(sent, seen, [name for name, lacks in PARTS.items() if lacks(sent, seen)])


def _certificate(sent: FaultInjected, seen: FaultEnded, missing: list[str]) -> Certificate:
    def since_kill(at_ns: int | None) -> float | None:
        return None if at_ns is None else seconds(at_ns - sent.t_ns)

    return Certificate(
        complete=not missing,
        missing=missing,
        signal=seen.signal,
        exit_code=seen.exit_code,
        survivors=len(seen.survivors),
        sessions_before=len(sent.sessions),
        sessions_left=[session.query for session in seen.sessions_left],
        intended_s=since_kill(sent.intended_ns),
        reaped_s=since_kill(seen.reaped_ns),
        eof_s=since_kill(seen.eof_ns),
        sessions_gone_s=since_kill(seen.sessions_gone_ns),
        rows_read_s=since_kill(seen.rows_read_ns),
    )


def certificates(records: Records) -> dict[int, Certificate]:
    """By a fault's number: its certificate."""
    ended = {seen.fault: seen for seen in records.of(FaultEnded)}
    return {
        sent.fault: certificate(sent, ended.get(sent.fault)) for sent in records.of(FaultInjected)
    }


def missing_parts(all_certificates: dict[int, Certificate]) -> list[str]:
    """A sentence for every kill whose certificate is not complete."""
    return [
        f"Kill {fault} has no complete certificate: {'; '.join(found.missing)}."
        for fault, found in sorted(all_certificates.items())
        if not found.complete
    ]
