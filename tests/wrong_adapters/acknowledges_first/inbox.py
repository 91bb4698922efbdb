"""Wrong on purpose: it acknowledges a job before it works on it."""

from __future__ import annotations

from pathlib import Path

from worker_child.adapters.program import python_argv
from worker_child.templates.python.inbox import MyQueueAdapter


class AcknowledgesFirst(MyQueueAdapter):
    """The template but for one thing."""

    name = "acknowledges_first"

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)
