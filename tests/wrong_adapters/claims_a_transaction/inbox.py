"""Wrong on purpose: it acknowledges after the effect, and claims one transaction for both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from worker_child.adapters.contract import NO_CHANGES, Preset, Workers
from worker_child.adapters.program import python_argv
from worker_child.templates.python.inbox import MyQueueAdapter


class ClaimsATransaction(MyQueueAdapter):
    """The template but for one thing."""

    name = "claims_a_transaction"

    def preset(
        self, name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES
    ) -> Preset:
        honest = super().preset(name, workers, changes)
        return replace(honest, acknowledges_in_transaction=True)

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)
