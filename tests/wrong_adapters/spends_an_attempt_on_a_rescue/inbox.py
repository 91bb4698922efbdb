"""Wrong on purpose: a rescue uses up an attempt, and the preset says that it does not."""

from __future__ import annotations

from pathlib import Path

from worker_child.adapters.program import python_argv
from worker_child.templates.python.inbox import MyQueueAdapter


class SpendsAnAttemptOnARescue(MyQueueAdapter):
    """The template but for one thing."""

    name = "spends_an_attempt_on_a_rescue"

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)
