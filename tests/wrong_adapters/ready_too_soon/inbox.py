"""Wrong on purpose: it says that it is ready, and connects after that."""

from __future__ import annotations

from pathlib import Path

from worker_child.adapters.program import python_argv
from worker_child.templates.python.inbox import MyQueueAdapter


class ReadyTooSoon(MyQueueAdapter):
    """The template but for one thing."""

    name = "ready_too_soon"

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)
