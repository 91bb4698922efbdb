"""The certificate of a pause: every process was seen stopped, the sessions held, and it went on."""

from __future__ import annotations

from analysis.checks.forms.form import SESSIONS_BEFORE, Form, Witnessed, complete_or_not


def _went_on_first(pause: Witnessed) -> bool:
    """Whether it went on before it was last seen stopped."""
    still_ns, continued_ns = pause.after.still_stopped_ns, pause.after.continued_ns
    return still_ns is not None and continued_ns is not None and continued_ns < still_ns


PAUSE = Form(
    {
        **SESSIONS_BEFORE,
        "its processes were not seen stopped": lambda p: (
            not p.after.members or p.after.stopped_ns is None or p.after.still_stopped_ns is None
        ),
        "its sessions were not seen to be held meanwhile": lambda p: bool(
            p.before.sessions and not p.after.sessions_held
        ),
        "nothing shows that SIGCONT was sent": lambda p: p.after.continued_ns is None,
        "it was not seen to go on": lambda p: p.after.running_ns is None,
        "it went on before it was seen stopped": _went_on_first,
    },
    complete_or_not,
)
