"""An idle transaction holds its snapshot for a while: what dies meanwhile cannot be removed.

The snapshot is that of a session: it ends with it, and so with the run, whatever becomes of that.
"""

from __future__ import annotations

import time

from orchestrator.faults.certificate import Closed
from orchestrator.faults.database import OPEN_LIMIT_S
from orchestrator.faults.queue_tables import QueueTables
from orchestrator.faults.signals import HealedAt
from orchestrator.faults.targets import Reach, Victim
from orchestrator.history.database_faults import SnapshotBefore, SnapshotEnd
from orchestrator.scenario.database_faults import PinnedSnapshot

_LOOK_EVERY_NS = 500_000_000
"""So often it is looked whether the snapshot is held."""
_TRY_EVERY_NS = 20_000_000
_PIN = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_current_snapshot()"


def victim(reach: Reach, entry: PinnedSnapshot) -> QueueTables | None:
    """The queue's tables, once some worker uses them."""
    return QueueTables.used(reach, entry.for_s)


def pin(reach: Reach, victim: QueueTables, fault: int) -> int:
    """Take the snapshot; returns the instant, stamped just before."""
    at_ns = time.monotonic_ns()
    victim.session.execute(_PIN)
    return at_ns


def let_go(reach: Reach, victim: QueueTables, fault: int) -> HealedAt:
    """Look at the tables, and end the session; healed when it is gone."""
    victim.end["size"] = reach.probe.size_of(victim.tables)
    let_go_ns = victim.end["let_go_ns"] = time.monotonic_ns()
    victim.session.close()
    give_up_ns = let_go_ns + round(OPEN_LIMIT_S * 1e9)
    tried_ns = 0

    def gone_ns() -> int | None:
        """At the limit it counts as gone: what is to be seen then, the certificate lacks."""
        nonlocal tried_ns
        now_ns = time.monotonic_ns()
        if "gone_ns" not in victim.end and now_ns - tried_ns >= _TRY_EVERY_NS:
            tried_ns = now_ns
            if not reach.probe.lives(victim.end["pid"]):
                victim.end["gone_ns"] = time.monotonic_ns()
        over_ns: int | None = victim.end.get("gone_ns")
        return over_ns or (now_ns if now_ns > give_up_ns else None)

    return gone_ns


def describe(entry: PinnedSnapshot) -> str:
    """For a person, before the run."""
    return "an idle transaction holds its snapshot"


class SnapshotHeld:
    """The session was seen to hold one and the same xmin until it was let go."""

    def __init__(self, reach: Reach, victim: Victim) -> None:
        assert isinstance(victim, QueueTables), f"{victim} is no queue's tables"
        self._reach = reach
        self._victim = victim
        self._looked_ns = 0

    def before(self) -> SnapshotBefore:
        """How large the queue's tables are. Opens the session that takes the snapshot."""
        victim, probe = self._victim, self._reach.probe
        victim.end["pid"] = victim.open(self._reach).info.backend_pid
        return SnapshotBefore(victim.names(), probe.size_of(victim.tables))

    def missing(self, *, overdue: bool) -> str | None:
        """While it lasts it is looked what the session holds."""
        end = self._victim.end
        if "let_go_ns" in end:
            return None
        now_ns = time.monotonic_ns()
        if now_ns - self._looked_ns >= _LOOK_EVERY_NS:
            self._looked_ns = now_ns
            xmin = self._reach.probe.xmin_of(end["pid"])
            if xmin is not None:
                end |= {"still_xmin": xmin, "still_ns": time.monotonic_ns()}
                end.setdefault("xmin", xmin)
                end.setdefault("seen_ns", end["still_ns"])
        return "the end of the snapshot"

    def close(self, fault: int) -> Closed:
        """What was seen."""
        return Closed(SnapshotEnd(**self._victim.end))
