"""The certificate of a worker that came back under its name: a kill, and then the name again."""

from __future__ import annotations

from analysis.checks.forms.form import Form, Witnessed, goes_back
from analysis.checks.forms.kill import KILL, kill_certificate


def _another_name(fault: Witnessed) -> bool:
    """Whether both names are known, and differ."""
    names = {fault.after.identity, fault.after.successor_identity}
    return None not in names and len(names) > 1


SAME_IDENTITY = Form(
    {
        **KILL.parts,
        "its worker had announced no name": lambda f: f.after.identity is None,
        "no other worker was ready in its slot": lambda f: f.after.successor_ready_ns is None,
        "the next worker of its slot came under another name": _another_name,
        "the next worker of its slot was ready before it was gone": goes_back(
            "reaped_ns", "successor_ready_ns"
        ),
    },
    kill_certificate,
)
