"""How a fake child is started, and what it is told."""

from __future__ import annotations

import sys
from pathlib import Path

from worker_child.names import session_name
from worker_child.protocol import PROTOCOL_VERSION, ClockAnchor, Init

RUN_ID = "fake-run"


def argv(behaviour: str) -> list[str]:
    """The command of a fake child; see `tests.process.fake_child`."""
    return [sys.executable, str(Path(__file__).with_name("fake_child.py")), behaviour]


def make_init(slot: int, incarnation: int) -> Init:
    """The init of one incarnation; there is no database behind them."""
    return Init(
        protocol=PROTOCOL_VERSION,
        run_id=RUN_ID,
        role="worker",
        slot=slot,
        incarnation=incarnation,
        library="fake",
        settings={},
        dsn="",
        application_name=session_name(RUN_ID, slot, incarnation),
        concurrency=1,
        pool_size=1,
        max_attempts=1,
        kinds=("entity_update",),
        effects=False,
        event_fd=-1,
        clock_anchor=ClockAnchor(monotonic_ns=0, wall_ns=0),
    )
