"""Wrong on purpose: it says of claimed rows that they are queued."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from worker_child.adapters.contract import InboxRow, Preset
from worker_child.adapters.program import python_argv
from worker_child.templates.python.inbox import MyQueueAdapter


class LiesAboutItsRows(MyQueueAdapter):
    """The template but for one thing."""

    name = "lies_about_its_rows"

    def rows(
        self,
        connection: psycopg.Connection[Any],
        preset: Preset,
        inbox_ids: Sequence[str] | None = None,
    ) -> Iterator[InboxRow]:
        for row in super().rows(connection, preset, inbox_ids):
            claimed = row.state == "claimed"
            yield replace(row, state="queued", claimed_by=None) if claimed else row

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)
