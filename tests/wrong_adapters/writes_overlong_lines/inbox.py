"""Wrong on purpose: it writes an event that is longer than an atomic write."""

from __future__ import annotations

from pathlib import Path

from worker_child.adapters.program import python_argv
from worker_child.templates.python.inbox import MyQueueAdapter


class WritesOverlongLines(MyQueueAdapter):
    """The template but for one thing."""

    name = "writes_overlong_lines"

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)
