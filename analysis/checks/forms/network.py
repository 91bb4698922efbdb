"""The certificates of a network that is out."""

from __future__ import annotations

from analysis.checks.forms.form import (
    SESSIONS_BEFORE,
    Form,
    Witnessed,
    complete_or_not,
    goes_back,
)


def _went_round_it(fault: Witnessed) -> bool:
    return not {session.pid for session in fault.before.sessions} <= set(fault.after.backend_pids)


LOOKED_NS = 1_000_000_000
"""From the last look until everything flows again it takes far less."""


def _looked_too_soon(fault: Witnessed) -> bool:
    """Whether more may have passed than was seen."""
    looked_ns, released_ns = fault.after.looked_ns, fault.after.released_ns
    if released_ns is None:
        return False  # said elsewhere
    return looked_ns is None or bool(released_ns - looked_ns > LOOKED_NS)


def _not_its_own(fault: Witnessed) -> bool:
    """Whether what was reset is none of what went through the proxy."""
    return not set(fault.after.reset_pids) <= set(fault.after.backend_pids)


def _nothing_was_held(fault: Witnessed) -> bool:
    held = fault.after.connections
    return not any(one.from_worker_bytes or one.from_server_bytes for one in held)


BLACKHOLE = Form(
    {
        **SESSIONS_BEFORE,
        "nothing shows that its connections were shut": lambda b: b.after.shut_ns is None,
        "bytes passed while nothing was to": lambda b: b.after.passed_bytes > 0,
        "a session of the worker did not go through the proxy": _went_round_it,
        "nothing was sent meanwhile that could have been swallowed": _nothing_was_held,
        "it was not seen to flow again": lambda b: b.after.released_ns is None,
        "nothing shows what passed until it flowed again": _looked_too_soon,
        "it flowed again before it was looked at": goes_back("shut_ns", "looked_ns", "released_ns"),
    },
    complete_or_not,
)
RESET = Form(
    {
        **SESSIONS_BEFORE,
        "no connection was reset": lambda r: r.after.reset_ns is None or not r.after.resets,
        "a session of the worker did not go through the proxy": _went_round_it,
        "sessions were reset that did not go through the proxy": _not_its_own,
        "its sessions were not seen to go": lambda r: r.after.sessions_gone_ns is None,
        "no new connection was seen to be reset": lambda r: r.after.refusal_seen_ns is None,
        "it was not seen to be over": lambda r: r.after.accepted_ns is None,
        "a new connection was reset before it began, or after it was over": goes_back(
            "reset_ns", "refusal_seen_ns", "accepted_ns"
        ),
        "the worker had a new session before it was over": goes_back(
            "accepted_ns", "reconnected_ns"
        ),
    },
    complete_or_not,
)
