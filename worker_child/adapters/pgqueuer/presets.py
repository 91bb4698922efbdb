"""pgqueuer's presets: every default by name, and what we set otherwise and why (see README.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from worker_child.adapters.contract import (
    NO_CHANGES,
    Preset,
    UnusableSettingsError,
    UnusableWorkersError,
    Workers,
)
from worker_child.protocol import Rescue

PRESETS = ("stock", "psycopg", "tuned")

_LIBRARY_BATCH_SIZE = 10
_COMPLETION_FLUSH_S = 0.1

_STOCK: dict[str, Any] = {
    "driver": "asyncpg",
    "event_loop": "uvloop",
    "dequeue_timeout_s": 30.0,
    "heartbeat_timeout_s": 30.0,
    "log_aggregation_interval_s": 30.0,
    "shutdown_on_listener_failure": False,
    "mode": "continuous",
    "concurrency_limit": 0,
    "on_failure": "delete",
    "retry_initial_delay_s": 1.0,
    "retry_max_delay_s": 300.0,
    "retry_backoff_multiplier": 2.0,
}

_CHANGES: dict[str, dict[str, Any]] = {
    "stock": {},
    "psycopg": {"driver": "psycopg"},
    "tuned": {"heartbeat_timeout_s": 3.0, "dequeue_timeout_s": 0.5},
}


_CHOICES: dict[str, tuple[str, ...]] = {
    "driver": ("asyncpg", "psycopg"),
    "event_loop": ("uvloop",),
    "mode": ("continuous",),
    "on_failure": ("delete", "hold"),
}
"""What the worker knows how to be; in another mode it would leave while jobs still come."""


def resolve(name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES) -> Preset:
    """Resolve a preset for `workers`, `changes` on top.

    Raises `UnusableWorkersError` for a concurrency of 1, and `UnusableSettingsError`.

    A job that was started may wait for a poll of ``dequeue_timeout`` on an idle queue: pgqueuer's
    idle check does not look at stale rows.
    """
    if workers.concurrency < 2:
        raise UnusableWorkersError(
            "pgqueuer was given concurrency 1, but QueueManager.run wants max_concurrent_tasks to "
            "be at least twice batch_size, which is at least 1: give it a concurrency of 2 or more"
        )
    settings = {
        **_STOCK,
        **_CHANGES[name],
        "max_concurrent_tasks": workers.concurrency,
        "batch_size": min(_LIBRARY_BATCH_SIZE, workers.concurrency // 2),
        "retry_max_attempts": workers.max_attempts - 1,
        **changes,
    }
    _refuse_unusable(settings)
    lease_s, poll_s = settings["heartbeat_timeout_s"], settings["dequeue_timeout_s"]
    return Preset(
        name=name,
        settings=settings,
        rescue=Rescue("stale heartbeat, seen inside dequeue", lease_s, 0.0, poll_s),
        periods_s={
            "completion_flush": _COMPLETION_FLUSH_S,
            "heartbeat": lease_s / 2,
            "heartbeat_flush": lease_s / 8,
            "poll": poll_s,
        },
        parity=_parity(settings),
        from_workers={
            "max_concurrent_tasks": "workers.concurrency",
            "retry_max_attempts": "workers.max_attempts",
        },
    )


def _refuse_unusable(settings: Mapping[str, Any]) -> None:
    for name, choices in _CHOICES.items():
        if settings[name] not in choices:
            raise UnusableSettingsError(
                f"{name} is {settings[name]!r}, and this adapter can run with "
                f"{' and '.join(map(repr, choices))}"
            )
    batch, most = settings["batch_size"], settings["max_concurrent_tasks"]
    if not 1 <= batch <= most // 2:
        raise UnusableSettingsError(
            f"batch_size is {batch}, but QueueManager.run wants it to be at least 1 and "
            f"max_concurrent_tasks, here {most}, to be at least twice as many"
        )


def _parity(settings: dict[str, Any]) -> dict[str, str]:
    """Read in pgqueuer's source; see README.md."""
    return {
        "enqueue": "Queries.enqueue of the library, one call for all that is due together",
        "wake_up": (
            f"NOTIFY by the library's trigger; without it a look each "
            f"{settings['dequeue_timeout_s']:g} s"
        ),
        "claim_batch": f"up to {settings['batch_size']} rows",
        "completion": (
            f"buffered up to {_COMPLETION_FLUSH_S:g} s or {settings['batch_size']} jobs, "
            "then in one statement"
        ),
        "rescue_counts_as_attempt": "no",
        "retries": (
            f"the library: DatabaseRetryEntrypointExecutor, {settings['retry_max_attempts']} "
            f"retries, the first after {settings['retry_initial_delay_s']:g} s, each "
            f"{settings['retry_backoff_multiplier']:g} times the one before, at most "
            f"{settings['retry_max_delay_s']:g} s, no jitter"
        ),
        "finished_rows": "deleted; a line in pgqueuer_log tells of them"
        + ("; a failed one is held" if settings["on_failure"] == "hold" else ""),
        "language": f"Python, asyncio on {settings['event_loop']}; handlers on the worker's loop",
        "ours": "a permanent error is not retried; the connection is opened by the adapter",
    }
