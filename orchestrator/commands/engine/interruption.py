"""A wish to end that lets what is under way end in good order."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from orchestrator.run.subprocess_run import IsInterrupted


@contextmanager
def interruptible() -> Iterator[IsInterrupted]:
    """SIGINT and SIGTERM no longer end us: they are asked for. To be used in the main thread."""
    wished: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        wished.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(wished)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
