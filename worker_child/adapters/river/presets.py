"""River's presets: every default by name, and what we set otherwise and why (see README.md)."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

from worker_child.adapters.contract import NO_CHANGES, Preset, UnusableSettingsError, Workers
from worker_child.protocol import Rescue

PRESETS = ("stock", "tuned", "transactional")

_LEADER_TTL_S = 15.0
_ELECT_INTERVAL_S = 5.0
_ELECT_JITTER_S = 1.0
_STAGGER_S = 1.0
_RESCUER_INTERVAL_S = 30.0
_SCHEDULER_INTERVAL_S = 5.0
_COMPLETER_FLUSH_S = 0.25
"""None of these can be configured."""

_NEXT_LEADER_S = _LEADER_TTL_S + _ELECT_INTERVAL_S + _ELECT_JITTER_S + _STAGGER_S
"""The longest time from a leader's death until another one's rescuer looks for the first time."""

_STOCK: dict[str, Any] = {
    "fetch_cooldown_s": 0.1,
    "fetch_poll_interval_s": 1.0,
    "job_timeout_s": 60.0,
    "rescue_stuck_jobs_after_s": 3600.0,
    "pool_max_conns": 4,
    "job_complete_tx": False,
}

_ROOM_FACTOR = 1.5
_ROOM_S = 5.0
_WRITTEN_DOWN_S = 1.0


def resolve(name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES) -> Preset:
    """Resolve a preset for `workers`, `changes` on top. Raises `UnusableSettingsError`."""
    settings = {
        **_STOCK,
        **({} if name == "stock" else _quick(workers.longest_length_s)),
        "job_complete_tx": name == "transactional",
        "max_workers": workers.concurrency,
        "max_attempts": workers.max_attempts,
        **changes,
    }
    if settings["rescue_stuck_jobs_after_s"] < settings["job_timeout_s"]:
        raise UnusableSettingsError(
            f"rescue_stuck_jobs_after_s is {settings['rescue_stuck_jobs_after_s']:g}, and River "
            f"wants at least job_timeout_s, here {settings['job_timeout_s']:g}: change both"
        )
    poll_s = settings["fetch_poll_interval_s"]
    return Preset(
        name=name,
        settings=settings,
        rescue=Rescue(
            "the leader's rescuer, by the time since the claim",
            max(settings["rescue_stuck_jobs_after_s"], _NEXT_LEADER_S),
            _RESCUER_INTERVAL_S,
            _SCHEDULER_INTERVAL_S + poll_s,
        ),
        periods_s={
            "completer_flush": _COMPLETER_FLUSH_S,
            "fetch_poll": poll_s,
            "leader_election": _ELECT_INTERVAL_S,
            "leader_ttl": _LEADER_TTL_S,
            "rescuer": _RESCUER_INTERVAL_S,
            "scheduler": _SCHEDULER_INTERVAL_S,
        },
        acknowledges_in_transaction=settings["job_complete_tx"],
        library_connections=settings["pool_max_conns"],
        parity=_parity(settings),
        from_workers={"max_workers": "workers.concurrency", "max_attempts": "workers.max_attempts"},
    )


def _quick(longest_length_s: float) -> dict[str, Any]:
    """A job of the planned length must never be taken for a stuck one, also on a busy machine; one
    that is cut at its timeout must have been written down when the rescuer could look at it."""
    job_timeout_s = float(ceil(_ROOM_FACTOR * longest_length_s + _ROOM_S))
    return {
        "fetch_poll_interval_s": _STOCK["fetch_cooldown_s"],
        "job_timeout_s": job_timeout_s,
        "rescue_stuck_jobs_after_s": job_timeout_s + _WRITTEN_DOWN_S,
    }


def _parity(settings: dict[str, Any]) -> dict[str, str]:
    """Read in River's source; see README.md."""
    in_transaction = settings["job_complete_tx"]
    return {
        "enqueue": (
            "INSERT and pg_notify in one statement, for all that is due together; jobs with a key "
            "by River's own client in a process of its own"
        ),
        "wake_up": (
            "NOTIFY by whoever enqueues, fetches at most one each "
            f"{settings['fetch_cooldown_s']:g} s; without it a look each "
            f"{settings['fetch_poll_interval_s']:g} s"
        ),
        "claim_batch": f"as many rows as places are free, up to {settings['max_workers']}",
        "completion": (
            "JobCompleteTx in the transaction of the job's effect"
            if in_transaction
            else f"buffered up to {_COMPLETER_FLUSH_S:g} s, or 50 ms from 100 jobs on, then in one "
            "statement"
        ),
        "rescue_counts_as_attempt": "yes, and its delay grows with the errors before it",
        "retries": (
            f"the library: up to {settings['max_attempts']} attempts, (errors + 1)^4 s later, "
            "+- 10 %"
        ),
        "finished_rows": "kept for a day as completed",
        "language": "Go, a goroutine a job",
        "ours": (
            "the parent's INSERT and NOTIFY; a permanent error is handed over as JobCancel; "
            f"a pool of {settings['pool_max_conns']} connections for River beside the jobs' own"
        ),
    }
