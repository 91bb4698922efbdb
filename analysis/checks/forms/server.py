"""The certificates of a server that was stopped and started, or that crashed and recovered."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from analysis.checks.forms.form import (
    UNSEEN,
    Form,
    Part,
    Witnessed,
    complete_or_not,
    goes_back,
    unseen,
)
from orchestrator.history.server_faults import ServerSeen
from orchestrator.history.targets import ServerTarget


def _was_seen(part: Callable[[ServerSeen, ServerSeen], bool]) -> Part:
    """Asked of what was seen before and after, where there is an after."""

    def missing(fault: Witnessed) -> bool:
        return fault.after.after is not None and part(fault.before, fault.after.after)

    return missing


_BACK: Mapping[str, Part] = {
    "no row of the unlogged marker was seen before it": lambda f: f.before.marker_rows < 1,
    "the server was not seen to answer again": lambda f: (
        f.after.answered_ns is None or f.after.after is None
    ),
}


def _spared_the_first(fault: Witnessed) -> bool:
    target = fault.sent.target
    return not (isinstance(target, ServerTarget) and target.postmaster_pid in fault.after.pids)


DATABASE_RESTART = Form(
    {
        **_BACK,
        "the server's process was not seen to end": lambda f: f.after.down_ns is None,
        "the server did not stop in good order": lambda f: f.after.exit_code not in (0, None),
        "the server has the start time that it had before": _was_seen(
            lambda before, after: after.start_time == before.start_time
        ),
        "the unlogged marker is gone: the server had crashed": _was_seen(
            lambda before, after: after.marker_rows != before.marker_rows
        ),
    },
    complete_or_not,
)
DATABASE_CRASH = Form(
    {
        **_BACK,
        "no backend was killed": lambda f: f.after.killed_pid is None,
        "the server has another start time: it was started anew": _was_seen(
            lambda before, after: after.start_time != before.start_time
        ),
        "the unlogged marker is still there: no crash recovery took place": _was_seen(
            lambda before, after: after.marker_rows > 0
        ),
    },
    complete_or_not,
)
DATABASE_PAUSE = Form(
    {
        **_BACK,
        "its processes were not seen stopped": lambda f: (
            f.after.stopped_ns is None or f.after.still_stopped_ns is None
        ),
        "its first process was not among them": _spared_the_first,
        "nothing shows that SIGCONT was sent": lambda f: f.after.continued_ns is None,
        "it went on before it was last seen stopped": goes_back(
            "stopped_ns", "still_stopped_ns", "continued_ns"
        ),
        "it answered before it went on": goes_back("continued_ns", "answered_ns"),
        UNSEEN: unseen("still_stopped_ns", "continued_ns"),
        "the server has another start time: it was started anew": _was_seen(
            lambda before, after: after.start_time != before.start_time
        ),
        "the unlogged marker is gone: the server had crashed": _was_seen(
            lambda before, after: after.marker_rows != before.marker_rows
        ),
    },
    complete_or_not,
)
