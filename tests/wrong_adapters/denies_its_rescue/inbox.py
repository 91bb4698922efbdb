"""Wrong on purpose: it rescues, and states that it never does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from worker_child.adapters.contract import NO_CHANGES, Preset, Workers
from worker_child.adapters.program import python_argv
from worker_child.templates.python.inbox import MyQueueAdapter


class DeniesItsRescue(MyQueueAdapter):
    """The template but for one thing."""

    name = "denies_its_rescue"

    def preset(
        self, name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES
    ) -> Preset:
        return replace(super().preset(name, workers, changes), rescue=None)

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)
