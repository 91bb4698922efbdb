"""graphile-worker's presets: every default by name, what we set otherwise and why (README.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from worker_child.adapters.contract import NO_CHANGES, Preset, UnusableWorkersError, Workers
from worker_child.protocol import Rescue

PRESETS = ("stock", "tuned")

_MS_PER_S = 1000
_LOCK_S = 4 * 3600.0
"""After so long graphile-worker takes a lock for a dead worker's; it cannot be configured."""

_STOCK: dict[str, Any] = {
    "gracefulShutdownAbortTimeout": 5_000,
    "maxResetLockedInterval": 600_000,
    "minResetLockedInterval": 480_000,
    "pollInterval": 2_000,
    "preparedStatements": True,
    "useNodeTime": False,
    "free_dead_pools_every_ms": None,
}
"""graphile-worker's own names; its times are milliseconds."""

_CHANGES: dict[str, dict[str, Any]] = {
    "stock": {},
    "tuned": {"pollInterval": 500, "free_dead_pools_every_ms": 1_000},
}


def resolve(name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES) -> Preset:
    """Resolve a preset for `workers`, `changes` on top.

    Raises `UnusableWorkersError` for a pool of 1.
    """
    if workers.pool_size < 2:
        raise UnusableWorkersError(
            "graphile-worker was given a pool of 1 connection, which its listener would take for "
            "good, so that no job could be claimed: give it a pool_size of 2 or more"
        )
    settings = {
        **_STOCK,
        **_CHANGES[name],
        "concurrentJobs": workers.concurrency,
        "maxPoolSize": workers.pool_size,
        "max_attempts": workers.max_attempts,
        **changes,
    }
    poll_s = settings["pollInterval"] / _MS_PER_S
    freeing_ms = settings["free_dead_pools_every_ms"]
    if freeing_ms is None:
        mechanism = "locks older than four hours are released"
        rescue = Rescue(mechanism, _LOCK_S, settings["maxResetLockedInterval"] / _MS_PER_S, poll_s)
    else:
        mechanism = "the application unlocks the jobs of pools whose session has ended"
        rescue = Rescue(mechanism, 0.0, freeing_ms / _MS_PER_S, poll_s)
    return Preset(
        name=name,
        settings=settings,
        rescue=rescue,
        periods_s={"poll": poll_s, "rescue": rescue.interval_s},
        parity=_parity(settings),
        from_workers={
            "concurrentJobs": "workers.concurrency",
            "maxPoolSize": "workers.pool_size",
            "max_attempts": "workers.max_attempts",
        },
        library_connections=settings["maxPoolSize"] + (freeing_ms is not None),
    )


def _parity(settings: dict[str, Any]) -> dict[str, str]:
    """Read in graphile-worker's source; see README.md."""
    freeing_ms = settings["free_dead_pools_every_ms"]
    return {
        "enqueue": (
            "add_jobs of the library's SQL, one call for all that is due together; jobs with a key "
            "by its add_job, one by one"
        ),
        "wake_up": (
            "NOTIFY by add_jobs, none for a job to be retried or unlocked; without it each idle "
            f"worker of the pool looks each {settings['pollInterval'] / _MS_PER_S:g} s"
        ),
        "claim_batch": "one row (localQueue is off by default)",
        "completion": "at once, a statement a job; the next job does not wait for it",
        "rescue_counts_as_attempt": "yes: attempts go up at the claim",
        "retries": (
            f"the library: up to {settings['max_attempts']} attempts, exp(attempts) s later, no "
            "jitter"
        ),
        "finished_rows": "deleted, without a log",
        "language": "JavaScript on Node, one event loop",
        "ours": "the pool is opened by the adapter, with node-postgres's defaults; a job with a "
        "permanent error is given up by returning, so that its row is deleted"
        + (
            ""
            if freeing_ms is None
            else "; who is dead is found out by the application: each pool holds an advisory lock, "
            f"and every {freeing_ms / _MS_PER_S:g} s each worker has force_unlock_workers free the "
            "jobs of pools whose lock nobody holds"
        ),
    }
