"""Wrong on purpose: it allows ninety-nine attempts, whatever is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from worker_child.adapters.contract import NO_CHANGES, Preset, Workers
from worker_child.adapters.program import python_argv
from worker_child.templates.python.inbox import MyQueueAdapter


class NeverGivesUp(MyQueueAdapter):
    """The template but for one thing."""

    name = "never_gives_up"

    def preset(
        self, name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES
    ) -> Preset:
        honest = super().preset(name, workers, changes)
        return replace(honest, settings={**honest.settings, "max_attempts": 99})

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)
