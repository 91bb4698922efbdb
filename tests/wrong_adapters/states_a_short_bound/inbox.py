"""Wrong on purpose: its lease is ten seconds, and it states a quarter of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from worker_child.adapters.contract import NO_CHANGES, Preset, Workers
from worker_child.adapters.program import python_argv
from worker_child.protocol import Rescue
from worker_child.templates.python.inbox import MyQueueAdapter


class StatesAShortBound(MyQueueAdapter):
    """The template but for one thing."""

    name = "states_a_short_bound"

    def preset(
        self, name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES
    ) -> Preset:
        honest = super().preset(name, workers, {**changes, "lease_s": 10.0})
        return replace(honest, rescue=Rescue("a lease shorter than it is", 0.25, 0.0, 0.2))

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)
