"""The certificate of a producer's death: it stood in the middle of a batch, and is gone."""

from __future__ import annotations

import signal

from analysis.checks.forms.form import Form, Witnessed, complete_or_not


def _frozen_too_late(kill: Witnessed) -> bool:
    return not kill.before.handed_ns <= kill.before.frozen_ns <= kill.sent.t_ns


KILL_DURING_ENQUEUE = Form(
    {
        "no batch was under way": lambda k: not k.before.jobs,
        "it was not frozen between being handed the batch and the kill": _frozen_too_late,
        "no session of the producer was seen before the kill": lambda k: not k.before.sessions,
        "a session of a producer did not go through its proxy": lambda k: bool(k.before.outside),
        "the producer was not reaped": lambda k: k.after.reaped_ns is None,
        "the wait status is not SIGKILL": lambda k: k.after.signal != signal.SIGKILL,
        "members of its process group live on": lambda k: bool(k.after.survivors),
        "nothing shows what its frozen connections let through": lambda k: (
            k.after.passed_bytes is None
        ),
        "bytes passed after its connections had been frozen": lambda k: bool(k.after.passed_bytes),
        "bytes passed that the proxy did not understand": lambda k: k.after.unexplained_bytes > 0,
        "its sessions were not seen to go": lambda k: k.after.sessions_gone_ns is None,
        "sessions of the producer are left": lambda k: bool(k.after.sessions_left),
    },
    complete_or_not,
)
