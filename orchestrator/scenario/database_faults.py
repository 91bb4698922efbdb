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
