"""The certificate of a worker's sessions that were ended: they are gone, each by pid and start."""

from __future__ import annotations

from analysis.checks.forms.form import SESSIONS_BEFORE, Form, complete_or_not
from analysis.checks.forms.stall import STALLED

BACKEND_TERMINATE = Form(
    {
        **SESSIONS_BEFORE,
        **STALLED,
        "no session of the worker was told to end": lambda f: not f.after.terminated,
        "its sessions were not seen to go": lambda f: f.after.sessions_gone_ns is None,
        "sessions that were to end are left": lambda f: bool(f.after.sessions_left),
    },
    complete_or_not,
)
