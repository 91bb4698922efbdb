"""Wrong on purpose: it begins to number its executions anew."""

from __future__ import annotations

from pathlib import Path

from worker_child.adapters.python_argv import python_argv
from worker_child.adapters.skeleton.inbox import SkeletonAdapter


class ReusesExecutionNumbers(SkeletonAdapter):
    """The skeleton but for one thing."""

    name = "reuses_execution_numbers"

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)
