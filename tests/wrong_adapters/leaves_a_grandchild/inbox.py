"""Wrong on purpose: it starts a process that flees into a session of its own."""

from __future__ import annotations

from pathlib import Path

from worker_child.adapters.program import python_argv
from worker_child.templates.python.inbox import MyQueueAdapter


class LeavesAGrandchild(MyQueueAdapter):
    """The template but for one thing."""

    name = "leaves_a_grandchild"

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)
