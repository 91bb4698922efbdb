"""What a fault must show for itself before anything is concluded from it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from analysis.history.history import Records
from analysis.section import Section, seconds
from orchestrator.history.records import FaultEnded, FaultInjected, Freeze
from worker_child.protocol import ChildReady


class Certificate(Section, frozen=True, kw_only=True):
    """What every fault's certificate says."""

    complete: bool
    """Nothing is missing: the fault may be concluded from."""
    missing: list[str]
    """What is missing, in words; empty where it is complete."""


class KillCertificate(Certificate, frozen=True, kw_only=True):
    """What was seen of one kill. Null = it was not seen; seconds count from the signal."""

    signal: int | None
    """The signal in the victim's wait status."""
    exit_code: int | None
    """Its exit code, where it left by itself."""
    survivors: int
    """Living members of its process group that were seen."""
    ready: bool
    """It had said that it was ready; one that had not may have had no session yet."""
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
    closed_s: float | None = None
    """When all of this had been seen, or its limit was over, seconds."""


@dataclass(frozen=True, slots=True)
class Witnessed:
    """The two lines of a fault, and their parts by the type that belongs to its `what`."""

    sent: FaultInjected
    seen: FaultEnded
    before: Any
    after: Any
    ready_ns: int | None = None
    """When the victim said that it was ready; None = it never did, or there is no victim."""
    closed_ns: int | None = None
    """When the certificate was closed; None = it never was."""

    def since(self, at_ns: int | None) -> float | None:
        """Seconds from the fault to an instant."""
        return None if at_ns is None else seconds(at_ns - self.sent.t_ns)


UNREAD_NS = 1_000_000_000
"""A line of a worker is read far sooner than this."""

Part = Callable[[Witnessed], bool]


@dataclass(frozen=True, slots=True)
class Form:
    """What the certificate of one sort of fault consists of."""

    parts: Mapping[str, Part]
    """By what it says when it is missing: whether that part is missing."""
    filled_in: Callable[[Witnessed, list[str]], Certificate]
    """What the summary shows of it, given what is missing."""


def _no_intended_instant(fault: Witnessed) -> bool:
    return fault.sent.trigger == "timed" and fault.sent.intended_ns is None


def _out_of_order(fault: Witnessed) -> bool:
    """Whether something was seen before the fault or after the certificate was closed."""
    parts = msgspec.to_builtins(fault.after)
    known = [value for name, value in parts.items() if name.endswith("_ns") and value is not None]
    intended_ns, sent_ns = fault.sent.intended_ns, fault.sent.t_ns
    early = intended_ns is not None and intended_ns > sent_ns
    return early or any(not sent_ns <= instant <= fault.seen.t_ns for instant in known)


def _was_long_ready(kill: Witnessed) -> bool:
    """A line may lie in its pipe for a moment before it is read, and no longer."""
    ready_ns, sent_ns = kill.ready_ns, kill.sent.t_ns
    return not kill.before.ready and ready_ns is not None and sent_ns - ready_ns > UNREAD_NS


FIRST: dict[str, Part] = {"no intended instant": _no_intended_instant}
LAST: dict[str, Part] = {"its instants contradict one another": _out_of_order}
"""The parts of every certificate, around those of its own."""


def _kill_certificate(kill: Witnessed, missing: list[str]) -> KillCertificate:
    return KillCertificate(
        complete=not missing,
        missing=missing,
        signal=kill.after.signal,
        exit_code=kill.after.exit_code,
        survivors=len(kill.after.survivors),
        ready=kill.before.ready,
        sessions_before=len(kill.before.sessions),
        sessions_left=[session.query for session in kill.after.sessions_left],
        intended_s=kill.since(kill.sent.intended_ns),
        reaped_s=kill.since(kill.after.reaped_ns),
        eof_s=kill.since(kill.after.eof_ns),
        sessions_gone_s=kill.since(kill.after.sessions_gone_ns),
        rows_read_s=kill.since(kill.after.rows_read_ns),
        closed_s=kill.since(kill.closed_ns),
    )


def _at_point(part: Part) -> Part:
    """Asked of a victim that was held at a round trip alone."""
    return lambda kill: kill.sent.trigger == "point" and part(kill)


def _frozen(part: Callable[[Witnessed, Freeze], bool]) -> Part:
    """Asked of what the freeze has seen, where that is known."""
    return lambda kill: kill.after.freeze is not None and part(kill, kill.after.freeze)


def _went_round_the_proxy(kill: Witnessed, freeze: Freeze) -> bool:
    return not {session.pid for session in kill.before.sessions} <= set(freeze.backend_pids)


def _frozen_too_late(kill: Witnessed, freeze: Freeze) -> bool:
    reaped_ns = kill.after.reaped_ns
    looked_early = reaped_ns is None or freeze.looked_ns < reaped_ns
    return freeze.frozen_ns > kill.sent.t_ns or looked_early


FROZEN: dict[str, Part] = {
    "it does not say at which round trip": _at_point(lambda k: k.before.at_point is None),
    "nothing shows that its connections were frozen": _at_point(lambda k: k.after.freeze is None),
    "bytes passed after its connections had been frozen": _frozen(lambda k, f: f.passed_bytes > 0),
    "a session of the victim did not go through the proxy": _frozen(_went_round_the_proxy),
    "bytes passed that the proxy did not understand": _frozen(lambda k, f: f.unexplained_bytes > 0),
    "a connection was lost before the victim was killed": _frozen(lambda k, f: f.broken > 0),
    "it was frozen after the kill, or looked at before its end": _frozen(_frozen_too_late),
}
"""The further parts of a kill at a round trip."""


STALLED: dict[str, Part] = {
    name: FROZEN[name]
    for name in FROZEN
    if "before the victim was killed" not in name and "after the kill" not in name
}
"""What a stall needs of a freeze: a worker that is stalled may lose a connection by itself."""


FORMS: dict[str, Form] = {
    "kill": Form(
        {
            "the victim was not reaped": lambda k: k.after.reaped_ns is None,
            "the wait status is not SIGKILL": lambda k: k.after.signal != signal.SIGKILL,
            "members of its process group live on": lambda k: bool(k.after.survivors),
            "no session of the victim was seen before the kill": lambda k: (
                k.before.ready and not k.before.sessions
            ),
            "the victim was taken for not ready, long after it had said that it was": (
                _was_long_ready
            ),
            "sessions that bear no name of the run were open": lambda k: bool(
                k.before.unknown_sessions
            ),
            "its sessions were not seen to go": lambda k: k.after.sessions_gone_ns is None,
            "sessions of the victim are left": lambda k: bool(k.after.sessions_left),
            "its pipe was not read to the end": lambda k: k.after.eof_ns is None,
            "the rows were not read": lambda k: k.after.rows_read_ns is None,
            **FROZEN,
        },
        _kill_certificate,
    ),
    "stall": Form(
        {
            "no session of the worker was seen before the stall": lambda s: (
                s.before.ready and not s.before.sessions
            ),
            "sessions that bear no name of the run were open": lambda s: bool(
                s.before.unknown_sessions
            ),
            **STALLED,
            "it was not seen to flow again": lambda s: s.after.released_ns is None,
        },
        lambda _, missing: Certificate(complete=not missing, missing=missing),
    ),
}
"""By a fault's `what`."""


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
    words = {sent.fault: sent.what.capitalize() for sent in records.of(FaultInjected)}
    return [
        f"{words[fault]} {fault} has no complete certificate: {'; '.join(found.missing)}."
        for fault, found in sorted(all_certificates.items())
        if not found.complete
    ]
