"""The certificate of a worker's first process that was killed alone: others lived on, then were
gone."""

from __future__ import annotations

from analysis.checks.forms.form import UNSEEN, Form, Witnessed, goes_back, unseen
from analysis.checks.forms.kill import KILL, kill_certificate


def _its_leader_lived_on(kill: Witnessed) -> bool:
    return any(worker.pid in kill.after.lived_on for worker in kill.sent.target.workers)


def _not_seen_to_last(kill: Witnessed) -> bool:
    """Whether those that lived on were last seen long before they were killed, or gone."""
    ended = "alone_ns" if kill.after.killed_ns is None else "killed_ns"
    return unseen("still_ns", ended)(kill)


KILL_LEADER_ONLY = Form(
    {
        **KILL.parts,
        "nobody was seen to outlive the first process": lambda k: (
            not k.after.lived_on or k.after.still_ns is None
        ),
        "the first process is among those that outlived it": _its_leader_lived_on,
        "those that lived on were not seen to be gone": lambda k: k.after.alone_ns is None,
        "those that lived on were gone before they were last seen": goes_back(
            "reaped_ns", "still_ns", "killed_ns", "alone_ns"
        ),
        UNSEEN: _not_seen_to_last,
    },
    kill_certificate,
)
