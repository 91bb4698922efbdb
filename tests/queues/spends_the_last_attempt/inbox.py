"""A control: it counts an attempt when a job is claimed, so that a death costs one.

A job whose worker died in its last attempt is given up by whoever finds it, though its handler
never failed: so do River and graphile-worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from worker_child.adapters.contract import NO_CHANGES, Preset, Workers
from worker_child.adapters.program import python_argv
from worker_child.templates.python.inbox import MyQueueAdapter


class SpendsTheLastAttempt(MyQueueAdapter):
    """The template, save that its attempts are counted at the claim."""

    name = "spends_the_last_attempt"

    def preset(
        self, name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES
    ) -> Preset:
        preset = super().preset(name, workers, changes)
        return replace(preset, parity={**preset.parity, "rescue_counts_as_attempt": "yes"})

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)
