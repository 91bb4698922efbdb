"""Faults of the run's own database, while its server goes on: what a scenario file says of them."""

from __future__ import annotations

from orchestrator.scenario.triggered import Triggered
from orchestrator.scenario.values import Seconds


class ReadOnly(Triggered, frozen=True, kw_only=True, tag_field="what", tag="read_only"):
    """New sessions with the run's database are read-only for a while
    (default_transaction_read_only), and those that the workers have are ended, as in a failover's
    first minutes. When it is over they are ended again: who began under it would keep it."""

    STOPS_WORK = True
    for_s: Seconds
    """How long."""

    @property
    def outage_s(self) -> float | None:
        """Until new sessions may write again."""
        return self.for_s


class PoolExhaustion(Triggered, frozen=True, kw_only=True, tag_field="what", tag="pool_exhaustion"):
    """The run's database takes no new sessions for a while (CONNECTION LIMIT 0; ALLOW_CONNECTIONS
    false where the workers are superusers, whom no limit holds), and those that the workers have
    are ended: an open pool would notice nothing."""

    STOPS_WORK = True
    for_s: Seconds
    """How long."""

    @property
    def outage_s(self) -> float | None:
        """Until new sessions are taken again."""
        return self.for_s


class TableLock(Triggered, frozen=True, kw_only=True, tag_field="what", tag="table_lock"):
    """ACCESS EXCLUSIVE on the tables in which the queue keeps its jobs, as a migration takes it:
    whoever comes to them waits. Who finishes a job meanwhile cannot say so."""

    TAKES_SERVER = True
    for_s: Seconds
    """How long it is held, from when it is asked for."""

    @property
    def outage_s(self) -> float | None:
        """Until it is let go."""
        return self.for_s


class DatabasePause(Triggered, frozen=True, kw_only=True, tag_field="what", tag="database_pause"):
    """Every process of the server is stopped (SIGSTOP) and goes on after a while (SIGCONT), as when
    its disk or its machine stalls: no session ends, and none gets an answer. Only of a server that
    is the run's own."""

    NEEDS_OWN_SERVER = True
    TAKES_SERVER = True
    for_s: Seconds
    """How long they are stopped."""

    @property
    def outage_s(self) -> float | None:
        """Until they go on."""
        return self.for_s


class PinnedSnapshot(Triggered, frozen=True, kw_only=True, tag_field="what", tag="pinned_snapshot"):
    """A transaction that does nothing holds its snapshot for a while: no row that dies meanwhile is
    removed, and whoever looks for the next job reads over all of them."""

    HOLDS_UP = False
    HAS_BYSTANDER = True
    for_s: Seconds
    """How long."""

    @property
    def outage_s(self) -> float | None:
        """Until it is let go."""
        return self.for_s
