"""Wrong on purpose: it counts an event and never writes it."""

from __future__ import annotations

from pathlib import Path

from worker_child.adapters.program import python_argv
from worker_child.templates.python.inbox import MyQueueAdapter


class LosesAnEvent(MyQueueAdapter):
    """The template but for one thing."""

    name = "loses_an_event"

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)
