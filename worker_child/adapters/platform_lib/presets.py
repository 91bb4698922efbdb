"""platform-lib's presets: what it fixes, what its application has to choose, and what we chose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from worker_child.adapters.contract import NO_CHANGES, Preset, UnusableSettingsError, Workers
from worker_child.protocol import Rescue

PRESETS = ("stock", "tuned")

_HEARTBEAT_S = 5.0
"""Fixed in the library's agent."""

_LOST_HEARTBEATS = 1
"""So many heartbeats may fail to arrive and the permit still stands."""
_ROOM_S = 1.0
"""For a heartbeat that is late: it needs a connection of the pool, and NOTIFY."""

_STOCK: dict[str, Any] = {
    "heartbeat_s": _HEARTBEAT_S,
    "pool_max_conns": 4,
    "renotify_s": 1.0,
    "sweep_every_s": 0.0,
    "sweep_for_s": 0.0,
    "sweeps": False,
}

_TUNED: dict[str, Any] = {
    **_STOCK,
    "pool_max_conns": 5,
    "renotify_s": 0.1,
    "sweep_every_s": 0.5,
    "sweep_for_s": (_LOST_HEARTBEATS + 1) * _HEARTBEAT_S + _ROOM_S,
    "sweeps": True,
}


def resolve(name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES) -> Preset:
    """Resolve a preset for `workers`, `changes` on top. Raises `UnusableSettingsError`."""
    if "heartbeat_s" in changes:
        raise UnusableSettingsError(
            f"heartbeat_s cannot be changed: the library's agent sends one each {_HEARTBEAT_S:g} s"
        )
    settings = {
        **(_STOCK if name == "stock" else _TUNED),
        "concurrency": workers.concurrency,
        "max_attempts": workers.max_attempts,
        "poison_after": workers.max_attempts,
        **changes,
    }
    return Preset(
        name=name,
        settings=settings,
        rescue=_rescue(settings),
        periods_s=_periods_s(settings),
        parity=_parity(settings),
        from_workers={
            "concurrency": "workers.concurrency",
            "max_attempts": "workers.max_attempts",
            "poison_after": "workers.max_attempts",
        },
    )


def _rescue(settings: dict[str, Any]) -> Rescue | None:
    """A monitor frees no permit before it has listened for `sweep_for_s`, and one runs in every
    worker: that of the respawned one decides where no other lives, counted from its start."""
    if not settings["sweeps"]:
        return None
    return Rescue(
        "a sweeper in every worker, by the time since the last heartbeat that its monitor heard",
        lease_s=0.0,
        interval_s=settings["sweep_for_s"] + settings["sweep_every_s"],
        poll_s=settings["renotify_s"],
    )


def _periods_s(settings: dict[str, Any]) -> dict[str, float]:
    periods_s = {"heartbeat": settings["heartbeat_s"], "renotify": settings["renotify_s"]}
    if settings["sweeps"]:
        periods_s["sweep"] = settings["sweep_every_s"]
    return periods_s


def _parity(settings: dict[str, Any]) -> dict[str, str]:
    """Read in the library's source; see README.md."""
    return {
        "enqueue": (
            "INSERT and pg_notify in one statement, for all that is due together; jobs with a key "
            "by the library's AddressedPush in a process of its own, one by one"
        ),
        "wake_up": (
            "NOTIFY by whoever enqueues; the library never looks by itself, so each worker tells "
            f"of waiting work again each {settings['renotify_s']:g} s"
        ),
        "claim_batch": "one row a claim, one claim at a time in a worker",
        "completion": "row and permit deleted in one statement, a job at a time, when it returns",
        "rescue_counts_as_attempt": (
            f"no; a job that was swept {settings['poison_after']} times is given up as poisonous"
        ),
        "retries": (
            f"the adapter: up to {settings['max_attempts']} attempts, failures^4 s later, +- 10 %, "
            "kept in the row; the library deletes what failed"
        ),
        "finished_rows": "deleted; what was given up goes to queue_dead",
        "language": "Go, a goroutine a job",
        "ours": (
            "the PostgreSQL store with all its SQL; retries and both limits; the notification "
            "repeated; where a monitor and a sweeper run, and how often; one type of work for all "
            f"kinds; a pool of {settings['pool_max_conns']} connections beside the jobs' own"
        ),
    }
