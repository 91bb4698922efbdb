"""The certificate of a worker that was made to leave: told to, then gone with all that it had."""

from __future__ import annotations

import signal

import msgspec

from analysis.checks.forms.form import SESSIONS_BEFORE, Certificate, Form, Witnessed, goes_back
from analysis.checks.forms.kill import GONE, kill_certificate


def _killed_otherwise(departure: Witnessed) -> bool:
    """Whether it was killed, and its wait status tells of something else."""
    killed = departure.after.killed_ns is not None
    return killed and departure.after.signal not in (None, signal.SIGKILL)


def _killed_unasked(departure: Witnessed) -> bool:
    """Whether SIGKILL ended it, and nobody is known to have sent it."""
    return departure.after.killed_ns is None and departure.after.signal == signal.SIGKILL


def _certificate(departure: Witnessed, missing: list[str]) -> Certificate:
    """As of a kill: seconds count from SIGKILL, and of one that left by itself from when it was
    told to."""
    since_ns = departure.after.killed_ns or departure.after.told_ns or departure.sent.t_ns
    sent = msgspec.structs.replace(departure.sent, t_ns=since_ns)
    counted = Witnessed(
        sent,
        departure.seen,
        departure.before,
        departure.after,
        departure.ready_ns,
        departure.closed_ns,
    )
    return kill_certificate(counted, missing)


def _not_told_again(departure: Witnessed) -> bool:
    """Whether it ran on to its kill after one signal alone."""
    return departure.after.killed_ns is not None and departure.after.again_ns is None


DEPARTURE = Form(
    {
        **SESSIONS_BEFORE,
        "it was not told to leave": lambda d: d.after.told_ns is None,
        "it was not seen to end": lambda d: d.after.reaped_ns is None,
        "it was killed, and its wait status is another": _killed_otherwise,
        "it was killed by somebody else": _killed_unasked,
        "it was gone before it was told to leave": goes_back("told_ns", "reaped_ns"),
        "it was killed before it was told to leave, or told again": goes_back(
            "told_ns", "again_ns", "killed_ns"
        ),
        **GONE,
    },
    _certificate,
)
TERMINATE = Form(
    {**DEPARTURE.parts, "it was sent no second SIGTERM": _not_told_again}, _certificate
)
