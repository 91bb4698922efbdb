"""Wrong on purpose: neither the death of its parent nor the end of its stdin ends it."""

from __future__ import annotations

from pathlib import Path

from worker_child.adapters.program import python_argv
from worker_child.templates.python.inbox import MyQueueAdapter


class OutlivesItsParent(MyQueueAdapter):
    """The template but for one thing."""

    name = "outlives_its_parent"

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)
