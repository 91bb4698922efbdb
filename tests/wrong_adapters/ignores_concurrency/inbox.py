"""Wrong on purpose: it takes twice as many jobs at once as it is allowed."""

from __future__ import annotations

from pathlib import Path

from worker_child.adapters.program import python_argv
from worker_child.templates.python.inbox import MyQueueAdapter


class IgnoresConcurrency(MyQueueAdapter):
    """The template but for one thing."""

    name = "ignores_concurrency"

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)
