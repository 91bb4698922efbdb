"""The tables of the queue's inbox, as a session of the run's own harms them for a while.

The harm is that of a session: it ends with it, and so with the run, whatever becomes of that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import psycopg

from orchestrator.faults.database import database_of
from orchestrator.faults.targets import Reach
from orchestrator.history.targets import DatabaseTarget


@dataclass
class QueueTables:
    """A victim: the tables, and what was seen of them since the fault."""

    database: str
    longest_s: float
    """How long the harm is to last."""
    tables: list[tuple[str, str]] = field(default_factory=list)
    """(schema, name) of each."""
    holder: psycopg.Connection[Any] | None = None
    """The session that does the harm."""
    end: dict[str, Any] = field(default_factory=dict)
    """Fields of the certificate's end, as they are seen."""

    @classmethod
    def used(cls, reach: Reach, longest_s: float) -> Self | None:
        """Those of the run, once some worker uses its database."""
        name = database_of(reach)
        return None if name is None else cls(name, longest_s)

    @property
    def target(self) -> DatabaseTarget:
        """As the history names it."""
        return DatabaseTarget(self.database)

    @property
    def session(self) -> psycopg.Connection[Any]:
        """The session that does the harm, once there is one."""
        assert self.holder is not None, "opened when the certificate was begun"
        return self.holder

    def open(self, reach: Reach) -> psycopg.Connection[Any]:
        """Find the tables, and open the session. Raises psycopg.Error."""
        self.tables = reach.probe.inbox_tables()
        self.holder = reach.holding(reach.probe.another())
        return self.holder

    def names(self) -> list[str]:
        """Of the tables, as a certificate has them: schema.name."""
        return [".".join(table) for table in self.tables]
