"""Wrong on purpose: it begins to number its executions anew."""

from __future__ import annotations

from pathlib import Path

from worker_child.adapters.program import python_argv
from worker_child.templates.python.inbox import MyQueueAdapter


class ReusesExecutionNumbers(MyQueueAdapter):
    """The template but for one thing."""

    name = "reuses_execution_numbers"

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)
