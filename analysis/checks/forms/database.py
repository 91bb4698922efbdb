"""The certificates of faults of the run's database, while its server goes on."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.checks.forms.form import UNSEEN, Form, Part, complete_or_not, goes_back, unseen
from orchestrator.history.database_faults import FreshSaw


def _door(saw: FreshSaw, said: str) -> Form:
    """Of a database whose new sessions are of no use, each as `saw`."""
    parts: Mapping[str, Part] = {
        "a new session could not read and write before it": lambda f: f.before.saw != "read_write",
        "no session of a worker was seen before it": lambda f: not f.before.sessions,
        "no session of a worker was told to end": lambda f: not f.after.terminated,
        "the workers' sessions were not seen to go": lambda f: f.after.sessions_gone_ns is None,
        "sessions that were to end are left": lambda f: bool(f.after.sessions_left),
        f"no new session was seen to be {said}": lambda f: (
            f.after.saw != saw or f.after.saw_ns is None or f.after.still_ns is None
        ),
        "nothing shows that it was taken back": lambda f: f.after.lifted_ns is None,
        "no new session was seen to read and write after it": lambda f: f.after.open_ns is None,
        "it was taken back before it was last seen": goes_back("saw_ns", "still_ns", "lifted_ns"),
        "it was over before it was taken back": goes_back("lifted_ns", "open_ns"),
        "the workers' sessions were there until it was taken back": goes_back(
            "sessions_gone_ns", "lifted_ns"
        ),
        UNSEEN: unseen("still_ns", "lifted_ns"),
    }
    return Form(parts, complete_or_not)


READ_ONLY = _door("read_only", "read-only")
POOL_EXHAUSTION = _door("refused", "refused")
TABLE_LOCK = Form(
    {
        "no table of the queue was found": lambda f: not f.before.tables,
        "the lock was not seen to be held": lambda f: (
            f.after.had_ns is None or f.after.still_ns is None
        ),
        "no worker was seen to wait for it": lambda f: (
            not any(waiter.worker for waiter in f.after.waiters)
        ),
        "nothing shows that it was let go": lambda f: f.after.unlocked_ns is None,
        "it was not seen to be gone": lambda f: f.after.gone_ns is None,
        "it was let go before it was last seen": goes_back("had_ns", "still_ns", "unlocked_ns"),
        "it was gone before it was let go": goes_back("unlocked_ns", "gone_ns"),
        UNSEEN: unseen("still_ns", "unlocked_ns"),
    },
    complete_or_not,
)
PINNED_SNAPSHOT = Form(
    {
        "no table of the queue was found": lambda f: not f.before.tables,
        "no snapshot was seen to be held": lambda f: (
            f.after.xmin is None or f.after.seen_ns is None
        ),
        "it was not seen to be held until its end": lambda f: (
            f.after.still_ns is None or f.after.still_xmin != f.after.xmin
        ),
        "the dead rows were not counted": lambda f: f.after.size is None,
        "nothing shows that it was let go": lambda f: f.after.let_go_ns is None,
        "its session was not seen to go": lambda f: f.after.gone_ns is None,
        "it was let go before it was last seen": goes_back("seen_ns", "still_ns", "let_go_ns"),
        "its session was gone before it was let go": goes_back("let_go_ns", "gone_ns"),
        UNSEEN: unseen("still_ns", "let_go_ns"),
    },
    complete_or_not,
)
