"""Wrong on purpose: it never says that it is ready."""

from __future__ import annotations

from pathlib import Path

from worker_child.adapters.program import python_argv
from worker_child.templates.python.inbox import MyQueueAdapter


class NeverReady(MyQueueAdapter):
    """The template but for one thing."""

    name = "never_ready"

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)
