"""What the certificate of each fault is made of: the types of its `parts`."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from orchestrator.history.database_faults import (
    DoorBefore,
    DoorEnd,
    LockBefore,
    LockEnd,
    SnapshotBefore,
    SnapshotEnd,
)
from orchestrator.history.network_faults import BlackholeEnd, ResetEnd
from orchestrator.history.producer_faults import ProducerBefore, ProducerEnd
from orchestrator.history.server_faults import ServerBack, ServerPaused, ServerSeen, SessionsEnded
from orchestrator.history.worker_faults import (
    Departure,
    LeaderEnd,
    NamesakeEnd,
    PauseEnd,
    PoisonBefore,
    ProcessEnd,
    SessionsBefore,
    StallEnd,
)


class PartsOfAFault(NamedTuple):
    """The types of a fault's `parts`, before it and after it."""

    before: type[msgspec.Struct]
    after: type[msgspec.Struct]


FAULT_PARTS: dict[str, PartsOfAFault] = {
    "kill": PartsOfAFault(SessionsBefore, ProcessEnd),
    "kill_at_once": PartsOfAFault(SessionsBefore, ProcessEnd),
    "storm": PartsOfAFault(SessionsBefore, ProcessEnd),
    "crash_loop": PartsOfAFault(SessionsBefore, ProcessEnd),
    "kill_leader_only": PartsOfAFault(SessionsBefore, LeaderEnd),
    "stall": PartsOfAFault(SessionsBefore, StallEnd),
    "pause": PartsOfAFault(SessionsBefore, PauseEnd),
    "kill_during_enqueue": PartsOfAFault(ProducerBefore, ProducerEnd),
    "deploy": PartsOfAFault(SessionsBefore, Departure),
    "terminate": PartsOfAFault(SessionsBefore, Departure),
    "poison": PartsOfAFault(PoisonBefore, ProcessEnd),
    "same_identity": PartsOfAFault(SessionsBefore, NamesakeEnd),
    "backend_terminate": PartsOfAFault(SessionsBefore, SessionsEnded),
    "blackhole": PartsOfAFault(SessionsBefore, BlackholeEnd),
    "reset": PartsOfAFault(SessionsBefore, ResetEnd),
    "database_restart": PartsOfAFault(ServerSeen, ServerBack),
    "database_crash": PartsOfAFault(ServerSeen, ServerBack),
    "read_only": PartsOfAFault(DoorBefore, DoorEnd),
    "pool_exhaustion": PartsOfAFault(DoorBefore, DoorEnd),
    "table_lock": PartsOfAFault(LockBefore, LockEnd),
    "database_pause": PartsOfAFault(ServerSeen, ServerPaused),
    "pinned_snapshot": PartsOfAFault(SnapshotBefore, SnapshotEnd),
}
"""By `what`."""
