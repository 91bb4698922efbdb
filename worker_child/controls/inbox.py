"""The controls seen from the parent: their tables, their enqueue, their rows and their audit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

import psycopg

from worker_child.adapters.contract import (
    NO_CHANGES,
    Enqueuer,
    Offer,
    Preset,
    UnusableSettingsError,
    Workers,
)
from worker_child.adapters.program import interpreter, python_argv
from worker_child.adapters.sql_inbox import SqlInbox
from worker_child.controls.cache_caller import CacheCaller
from worker_child.controls.enqueuer import ControlEnqueuer, KeyedEnqueuer
from worker_child.controls.statements import SCHEMA
from worker_child.protocol import Rescue

POLL_S = 0.2
"""How often an idle consumer looks for work; a NOTIFY wakes it sooner."""
ACKNOWLEDGE_EVERY_S = 1.0
"""Of the late-acknowledging control."""
LEASE_S = 3.0
"""Of the short-lease control, and of the forking one."""
RENEW_EVERY_S = 1.0
"""Of the forking control."""
ELECTED_LEASE_S = 2.0
"""Of a claim under the elected control."""
OFFICE_S = 5.0
"""For so long its leader leads without a sign of life."""
ROUND_S = 0.5
"""How often each of its workers renews what it has, stands for election, and frees if it leads."""

PARITY_OF_CONTROLS = MappingProxyType(
    {
        "enqueue": "one INSERT and one NOTIFY for all that is due together",
        "wake_up": f"NOTIFY; without it a look each {POLL_S:g} s",
        "claim_batch": "one row",
        "completion": "the control itself: see README.md",
        "rescue_counts_as_attempt": "no attempts are counted",
        "retries": "nobody: a job that fails ends the worker",
        "finished_rows": "deleted; the audit tells of them",
        "language": "Python, asyncio; a connection for each job that runs",
        "ours": "all of it",
    }
)

_COUNTS = """
SELECT count(*) FILTER (WHERE claimed_by IS NULL), count(*) FILTER (WHERE claimed_by IS NOT NULL),
       0, 0, pg_total_relation_size('control_job')
FROM control_job
"""

_ROWS = """
SELECT job_id, id::text, CASE WHEN claimed_by IS NULL THEN 'queued' ELSE 'claimed' END, claimed_by,
       NULL, extract(epoch FROM claimed_until - clock_timestamp())::float,
       false, extract(epoch FROM clock_timestamp() - claimed_at)::float
FROM control_job
WHERE %(ids)s::bigint[] IS NULL OR claimed_by IS NOT NULL OR id = ANY(%(ids)s)
ORDER BY id
"""

_AUDIT = """
SELECT sequence, identity, inbox_id::text, job_id, action FROM control_audit ORDER BY sequence
"""


SIGTERM: Mapping[Offer, str] = MappingProxyType(
    {"sigterm": "it claims nothing more, and leaves when its jobs are done"}
)
CLAIMS_BY_NAME: Mapping[Offer, str] = MappingProxyType(
    {**SIGTERM, "worker_name": "what a claim writes into its row, beside the time"}
)


class ControlAdapter(SqlInbox):
    """See `worker_child.adapters.contract.Adapter`. A control names itself and its rescue.

    An acknowledged row is gone, and no log tells of it.
    """

    name: str
    presets: Sequence[str] = ("stock",)
    rescue: Rescue | None
    offers: Mapping[Offer, str] = SIGTERM
    claims_visible = True
    """Whether a claim shows in the row for others to see."""
    settings: Mapping[str, float] = MappingProxyType({})
    """What this control has beside its poll; seconds. Each is a rhythm of its own."""
    counts_sql = _COUNTS
    rows_sql = _ROWS

    def version(self) -> str:
        return version("crashbench")

    def preset(
        self, name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES
    ) -> Preset:
        assert name in self.presets, name
        if changes:
            raise UnusableSettingsError(
                f"{self.name} is a control: what it does is known because its settings are fixed"
            )
        settings = {"poll_s": POLL_S, **self.settings}
        return Preset(
            name=name,
            settings=settings,
            rescue=self.rescue,
            periods_s={key.removesuffix("_s"): value for key, value in settings.items()},
            claims_visible=self.claims_visible,
            parity=PARITY_OF_CONTROLS,
        )

    def install(self, dsn: str) -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(SCHEMA)

    def enqueuer(self, dsn: str, preset: Preset, *, keyed: bool) -> Enqueuer:
        return ControlEnqueuer(dsn)

    def audit(self, connection: psycopg.Connection[Any]) -> Iterator[dict[str, Any]]:
        """Every claim and acknowledgement that took effect, in its order."""
        for sequence, identity, inbox_id, job_id, action in connection.execute(_AUDIT):
            yield {
                "sequence": sequence,
                "identity": identity,
                "inbox_id": inbox_id,
                "job_id": job_id,
                "action": action,
            }

    def child_argv(self) -> list[str]:
        return python_argv(package="worker_child.controls")


class HoldingAdapter(ControlAdapter):
    """A claim is a row lock, which nobody else can see. A kill rolls it back: the row is free as
    soon as the victim's sessions are gone."""

    name = "control_holding"
    rescue = Rescue("its row lock goes with its connection", 0.0, 0.0, POLL_S)
    claims_visible = False


class DeleteFirstAdapter(ControlAdapter):
    """A claimed row is gone: nothing is left that could be rescued."""

    name = "control_delete_first"
    rescue = None
    claims_visible = False


class NeverRescuesAdapter(ControlAdapter):
    """A claim without an end, under a name: a dead worker's rows stay claimed for ever."""

    name = "control_never_rescues"
    offers = CLAIMS_BY_NAME
    rescue = None


class LateAckAdapter(ControlAdapter):
    """A row outlasts its job by a second.

    A slot has one process at a time, so a new one may free what the earlier ones had claimed. It
    does so before it is ready: no lease has to run out.
    """

    name = "control_late_ack"
    offers = CLAIMS_BY_NAME
    rescue = Rescue("the slot's next worker frees it before it is ready", 0.0, 0.0, POLL_S)
    settings = MappingProxyType({"acknowledge_every_s": ACKNOWLEDGE_EVERY_S})


class ShortLeaseAdapter(ControlAdapter):
    """A claim that runs out, alive or dead: work that lasts longer than the lease is handed out
    again while it is still going on."""

    name = "control_short_lease"
    offers = CLAIMS_BY_NAME
    rescue = Rescue("its lease runs out and is never renewed", LEASE_S, 0.0, POLL_S)
    settings = MappingProxyType({"lease_s": LEASE_S})


class ForkingAdapter(ControlAdapter):
    """Two processes a worker: the first one renews the leases, the one that it has started claims,
    works and acknowledges. Without the first one the other goes on, and its leases run out."""

    name = "control_forking"
    rescue = Rescue("its lease runs out once nobody renews it", LEASE_S, 0.0, POLL_S)
    settings = MappingProxyType({"lease_s": LEASE_S, "renew_every_s": RENEW_EVERY_S})
    offers: Mapping[Offer, str] = MappingProxyType(
        {"child_processes": "all jobs run in one process that the first one has forked"}
    )

    def child_argv(self) -> list[str]:
        return [*interpreter(None), "-m", "worker_child.controls.forking"]


class ElectedAdapter(ControlAdapter):
    """Only the leader of the workers frees what has run out: while there is none, nobody does.

    Under ``maintenance_dead`` the leader lives, keeps its office, and frees nothing.
    """

    name = "control_elected"
    presets = ("stock", "maintenance_dead")
    rescue = Rescue(
        "the leader frees what has run out; another leads when its office has",
        max(ELECTED_LEASE_S, OFFICE_S + ROUND_S),
        ROUND_S,
        POLL_S,
    )
    settings = MappingProxyType(
        {"lease_s": ELECTED_LEASE_S, "office_s": OFFICE_S, "round_s": ROUND_S}
    )

    def preset(
        self, name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES
    ) -> Preset:
        preset = super().preset(name, workers, changes)
        return replace(
            preset, settings={**preset.settings, "maintains": name != "maintenance_dead"}
        )


class CacheAdapter(ControlAdapter):
    """Keeps the results of jobs, each under its address.

    ``stock`` takes an address once and keeps its result whole. ``runs_twice`` enqueues every miss,
    whoever else is at it. ``serves_torn`` keeps a result in two halves, of which a kill may leave
    one. Its rescue is that of the late-acknowledging control.
    """

    name = "control_cache"
    presets = ("stock", "runs_twice", "serves_torn")
    rescue = Rescue("the slot's next worker frees it before it is ready", 0.0, 0.0, POLL_S)
    offers: Mapping[Offer, str] = MappingProxyType(
        {
            "cache": "rows of a table, each committed together with its job's acknowledgement",
            **SIGTERM,
        }
    )

    def preset(
        self, name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES
    ) -> Preset:
        preset = super().preset(name, workers, changes)
        how = {"one_at_a_time": name != "runs_twice", "whole_results": name != "serves_torn"}
        return replace(preset, settings={**preset.settings, **how})

    def enqueuer(self, dsn: str, preset: Preset, *, keyed: bool) -> Enqueuer:
        if keyed:
            return CacheCaller(dsn, one_at_a_time=preset.settings["one_at_a_time"])
        return ControlEnqueuer(dsn)


class KeyedAdapter(ControlAdapter):
    """Has unique keys, each of one row that waits.

    ``stock`` frees an orphan whose key another row holds once that one is taken, and the others
    before. ``stops`` frees orphans up to the first such one, and never again.
    """

    name = "control_keyed"
    presets = ("stock", "stops")
    rescue = Rescue("the slot's next worker frees it, once its key is free", 0.0, 0.0, POLL_S)
    offers: Mapping[Offer, str] = MappingProxyType(
        {"dedup": "a unique index: one row a key that waits; a claimed one has none", **SIGTERM}
    )

    def preset(
        self, name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES
    ) -> Preset:
        preset = super().preset(name, workers, changes)
        stops = {"stops_at_taken_key": name == "stops"}
        return replace(preset, settings={**preset.settings, **stops})

    def enqueuer(self, dsn: str, preset: Preset, *, keyed: bool) -> Enqueuer:
        return KeyedEnqueuer(dsn)
