"""Wrong on purpose: its lease is three seconds, and it states a minute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from worker_child.adapters.contract import NO_CHANGES, Preset, Workers
from worker_child.adapters.program import python_argv
from worker_child.protocol import Rescue
from worker_child.templates.python.inbox import MyQueueAdapter


class StatesALongBound(MyQueueAdapter):
    """The template but for one thing."""

    name = "states_a_long_bound"

    def preset(
        self, name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES
    ) -> Preset:
        honest = super().preset(name, workers, changes)
        return replace(honest, rescue=Rescue("a lease longer than it is", 60.0, 0.0, 0.2))

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)
