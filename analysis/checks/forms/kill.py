"""The certificate of a kill: the worker is gone with all that it had."""

from __future__ import annotations

import signal

from analysis.checks.forms.form import Certificate, Form, Part, Witnessed
from analysis.checks.forms.frozen import FROZEN
from analysis.section import Section

UNREAD_NS = 1_000_000_000
"""A line of a worker is read far sooner than this."""


class LateRequest(Section, frozen=True, kw_only=True):
    """A request of the victim that reached the server when others had its jobs."""

    sent_s: float | None
    """From when on the server may have executed it, seconds; null = it was never sent."""
    rows: int | None = None
    """How many rows it returned or changed; what a transaction changed that was still open is
    undone, as its session has ended."""
    refused: str | None = None
    """The server's error, SQLSTATE first."""


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
    late_request: LateRequest | None = None
    """What became of the request that was delayed, where one was."""


def kill_certificate(kill: Witnessed, missing: list[str]) -> KillCertificate:
    """What the summary shows of it."""
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
        late_request=_late_request(kill),
    )


def _late_request(kill: Witnessed) -> LateRequest | None:
    found = kill.after.delivery
    if found is None:
        return None
    return LateRequest(sent_s=kill.since(found.sent_ns), rows=found.rows, refused=found.refused)


def _was_long_ready(kill: Witnessed) -> bool:
    """A line may lie in its pipe for a moment before it is read, and no longer."""
    ready_ns, sent_ns = kill.ready_ns, kill.sent.t_ns
    return not kill.before.ready and ready_ns is not None and sent_ns - ready_ns > UNREAD_NS


def _is_delayed(kill: Witnessed) -> bool:
    return kill.before.at_point is not None and kill.before.at_point.side == "delayed"


def _never_delivered(kill: Witnessed) -> bool:
    found = kill.after.delivery
    return _is_delayed(kill) and (
        found is None or None in (found.sent_ns, found.answered_ns) or found.sent_bytes <= 0
    )


def _delivered_unasked(kill: Witnessed) -> bool:
    return kill.after.delivery is not None and not _is_delayed(kill)


def _delivered_at_the_wrong_time(kill: Witnessed) -> bool:
    """Its worker was dead by then, and its session still there."""
    found, after = kill.after.delivery, kill.after
    if found is None or found.sent_ns is None or found.answered_ns is None:
        return False
    known = [after.reaped_ns, found.sent_ns, found.answered_ns, after.sessions_gone_ns]
    instants = [instant for instant in known if instant is not None]
    return instants != sorted(instants)


DELAYED: dict[str, Part] = {
    "the delayed request was never delivered": _never_delivered,
    "a request was delivered late that was not to be": _delivered_unasked,
    "the delayed request was delivered before its worker's end, or after its session's": (
        _delivered_at_the_wrong_time
    ),
}
"""The further parts of a kill whose request is delayed."""


GONE: dict[str, Part] = {
    "members of its process group live on": lambda k: bool(k.after.survivors),
    "its sessions were not seen to go": lambda k: k.after.sessions_gone_ns is None,
    "sessions of the victim are left": lambda k: bool(k.after.sessions_left),
    "its pipe was not read to the end": lambda k: k.after.eof_ns is None,
    "the rows were not read": lambda k: k.after.rows_read_ns is None,
}
"""What shows of a worker that has ended that nothing of it is left."""

KILL = Form(
    {
        "the victim was not reaped": lambda k: k.after.reaped_ns is None,
        "the wait status is not SIGKILL": lambda k: k.after.signal != signal.SIGKILL,
        "no session of the victim was seen before the kill": lambda k: (
            k.before.ready and not k.before.sessions
        ),
        "the victim was taken for not ready, long after it had said that it was": _was_long_ready,
        "sessions that bear no name of the run were open": lambda k: bool(
            k.before.unknown_sessions
        ),
        **GONE,
        **FROZEN,
        **DELAYED,
    },
    kill_certificate,
)
