"""A queue that counts a death as an attempt, and buries a job that has used all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from worker_child.adapters.contract import NO_CHANGES, Preset, Workers
from worker_child.adapters.program import python_argv
from worker_child.templates.python.inbox import MyQueueAdapter


class GivesPoisonUp(MyQueueAdapter):
    """The template but for one thing."""

    name = "gives_poison_up"

    def preset(
        self, name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES
    ) -> Preset:
        plain = super().preset(name, workers, changes)
        return replace(plain, parity={**plain.parity, "rescue_counts_as_attempt": "yes"})

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)
