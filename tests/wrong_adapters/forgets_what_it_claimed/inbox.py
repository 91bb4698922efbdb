"""Wrong on purpose: asked to stop, its queue claims once more and forgets it."""

from __future__ import annotations

from pathlib import Path

from worker_child.adapters.program import python_argv
from worker_child.templates.python.inbox import MyQueueAdapter


class ForgetsWhatItClaimed(MyQueueAdapter):
    """The template but for one thing."""

    name = "forgets_what_it_claimed"

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)
