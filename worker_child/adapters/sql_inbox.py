"""An inbox that is counted and read by one SQL statement each, and filled over one connection.

A library whose rows tell more than a statement can say (a log beside them, a claimant that is
forgotten) overrides `SqlInbox.rows` and begins with what this one yields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import psycopg

from worker_child.adapters.contract import InboxRow, Preset, QueueCounts


class SqlEnqueuer:
    """All of `worker_child.adapters.contract.Enqueuer` but `enqueue`."""

    def __init__(self, dsn: str) -> None:
        self._connection = psycopg.connect(dsn, autocommit=True)

    def close(self) -> None:
        self._connection.close()


class SqlInbox:
    """`counts` and `rows` of `worker_child.adapters.contract.Adapter`."""

    counts_sql: ClassVar[str]
    """One row with the columns of `QueueCounts`, in its order."""
    rows_sql: ClassVar[str]
    """The columns of `InboxRow`, in its order; the last ones may be left out.

    Its parameters are those of `row_parameters`. A row that is claimed is always among them:
    ``%(ids)s::bigint[] IS NULL OR <claimed> OR id = ANY(%(ids)s)``.
    """
    id_type: ClassVar[type[Any]] = int
    """What ``ids`` holds: numbers; ``str`` or ``uuid.UUID`` where the rows' ids are none."""

    def counts(self, connection: psycopg.Connection[Any]) -> QueueCounts:
        row = connection.execute(self.counts_sql).fetchone()
        assert row is not None, "an aggregate has a row"
        return QueueCounts(*row)

    def rows(
        self,
        connection: psycopg.Connection[Any],
        preset: Preset,
        inbox_ids: Sequence[str] | None = None,
    ) -> Iterator[InboxRow]:
        """What the library's tables say; of a row that is gone, nothing."""
        parameters = row_parameters(preset, inbox_ids, self.id_type)
        for row in connection.execute(self.rows_sql, parameters):
            yield InboxRow(*row)


def row_parameters(
    preset: Preset, inbox_ids: Sequence[str] | None, id_type: Callable[[str], Any] = int
) -> Mapping[str, Any]:
    """What a statement about rows may name: every setting of the preset, ``ids`` (of `id_type`;
    None = all rows) and ``lease_s`` (the preset's `Rescue.lease_s`; None = it never rescues)."""
    return {
        **preset.settings,
        "ids": None if inbox_ids is None else list(map(id_type, inbox_ids)),
        "lease_s": None if preset.rescue is None else preset.rescue.lease_s,
    }
