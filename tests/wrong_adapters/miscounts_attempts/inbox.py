"""Wrong on purpose: each attempt is the first."""

from __future__ import annotations

from pathlib import Path

from worker_child.adapters.program import python_argv
from worker_child.templates.python.inbox import MyQueueAdapter


class MiscountsAttempts(MyQueueAdapter):
    """The template but for one thing."""

    name = "miscounts_attempts"

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)
