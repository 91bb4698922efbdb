"""Wrong on purpose: it goes on when it is asked to stop."""

from __future__ import annotations

from pathlib import Path

from worker_child.adapters.program import python_argv
from worker_child.templates.python.inbox import MyQueueAdapter


class IgnoresStop(MyQueueAdapter):
    """The template but for one thing."""

    name = "ignores_stop"

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)
