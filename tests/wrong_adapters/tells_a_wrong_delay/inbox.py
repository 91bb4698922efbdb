"""Wrong on purpose: it tells ten times the delay that it waits."""

from __future__ import annotations

from pathlib import Path

from worker_child.adapters.program import python_argv
from worker_child.templates.python.inbox import MyQueueAdapter


class TellsAWrongDelay(MyQueueAdapter):
    """The template but for one thing."""

    name = "tells_a_wrong_delay"

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)
