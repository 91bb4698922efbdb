"""procrastinate's presets: every default by name, and what we set otherwise and why (README.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from worker_child.adapters.contract import NO_CHANGES, Preset, UnusableSettingsError, Workers
from worker_child.protocol import Rescue

PRESETS = ("stock", "tuned")

DEFERRER_MARGIN_S = 0.5
"""By so much procrastinate's periodic deferrer oversleeps (periodic.MARGIN)."""

_EVERY_SO_MANY_S = re.compile(r"\* \* \* \* \* \*/([1-9]|[1-5][0-9])")
"""A cron line whose sixth field counts seconds: each so many."""
_RESCUE = ("rescue_cron", "rescue_seconds_since_heartbeat_s", "rescue_priority")

_STOCK: dict[str, Any] = {
    "fetch_job_polling_interval_s": 5.0,
    "abort_job_polling_interval_s": 5.0,
    "listen_notify": True,
    "delete_jobs": "never",
    "update_heartbeat_interval_s": 10.0,
    "stalled_worker_timeout_s": 30.0,
    "rescue_cron": None,
    "rescue_seconds_since_heartbeat_s": None,
    "rescue_priority": None,
}

_CHANGES: dict[str, dict[str, Any]] = {
    "stock": {},
    "tuned": {
        "fetch_job_polling_interval_s": 0.5,
        "update_heartbeat_interval_s": 1.0,
        # The sixth field counts seconds: every one.
        "rescue_cron": "* * * * * */1",
        "rescue_seconds_since_heartbeat_s": 3.0,
        "rescue_priority": 100,
    },
}


def resolve(name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES) -> Preset:
    """Resolve a preset for `workers`, `changes` on top. Raises `UnusableSettingsError`.

    A rescued job waits for a poll: procrastinate's trigger tells of new rows only.
    """
    settings = {
        **_STOCK,
        **_CHANGES[name],
        "concurrency": workers.concurrency,
        "connector_pool_size": workers.pool_size,
        "retry_max_attempts": workers.max_attempts - 1,
        **changes,
    }
    poll_s = settings["fetch_job_polling_interval_s"]
    every_s = _rescue_every_s(settings)
    periods_s = {"heartbeat": settings["update_heartbeat_interval_s"], "poll": poll_s}
    rescue = None
    if every_s is not None:
        lease_s = settings["rescue_seconds_since_heartbeat_s"]
        interval_s = every_s + DEFERRER_MARGIN_S
        mechanism = "the application's periodic task retries the jobs of stalled workers"
        rescue = Rescue(mechanism, lease_s, interval_s, poll_s)
        periods_s["rescue"] = every_s
    return Preset(
        name=name,
        settings=settings,
        rescue=rescue,
        periods_s=periods_s,
        parity=_parity(settings),
        from_workers={
            "concurrency": "workers.concurrency",
            "connector_pool_size": "workers.pool_size",
            "retry_max_attempts": "workers.max_attempts",
        },
        library_connections=settings["connector_pool_size"] + 1,
    )


def _rescue_every_s(settings: Mapping[str, Any]) -> float | None:
    """How often the rescuing task comes, seconds; None = there is none."""
    cron = settings["rescue_cron"]
    lacking = [name for name in _RESCUE if settings[name] is None]
    if len(lacking) == len(_RESCUE):
        return None
    if lacking:
        raise UnusableSettingsError(
            f"the task that rescues needs {', '.join(_RESCUE)}, and {', '.join(lacking)} "
            f"{'is' if len(lacking) == 1 else 'are'} none: set all three, or none of them"
        )
    matched = _EVERY_SO_MANY_S.fullmatch(cron)
    if matched is None:
        raise UnusableSettingsError(
            f"no bound of a rescue can be derived from rescue_cron {cron!r}: every N seconds is "
            "written '* * * * * */N', with N from 1 to 59"
        )
    return float(matched[1])


def _parity(settings: dict[str, Any]) -> dict[str, str]:
    """Read in procrastinate's source; see README.md."""
    retries = settings["retry_max_attempts"]
    rescued = settings["rescue_cron"] is not None
    return {
        "enqueue": "procrastinate_defer_jobs_v1 of the library, one call for all due together",
        "wake_up": (
            "NOTIFY by the library's trigger for each new row, none for a retried or rescued one; "
            f"without it a look each {settings['fetch_job_polling_interval_s']:g} s"
        ),
        "claim_batch": "one row",
        "completion": "at once, a statement a job",
        "rescue_counts_as_attempt": "yes" if rescued else "nothing rescues",
        "retries": (
            f"the library: retry={retries}, at once (its default has no delay, no jitter); a "
            "retried row waits for a look"
            if retries
            else "none, for one attempt was asked for"
        ),
        "finished_rows": (
            "kept (delete_jobs is never by default), with a line for each change"
            if settings["delete_jobs"] == "never"
            else f"delete_jobs is {settings['delete_jobs']}"
        ),
        "language": "Python, asyncio; handlers on the worker's loop",
        "ours": "a permanent error is not retried"
        + (
            "; the rescue is the application's: the periodic task of procrastinate's documentation "
            f"({settings['rescue_cron']}, heartbeats older than "
            f"{settings['rescue_seconds_since_heartbeat_s']:g} s, priority "
            f"{settings['rescue_priority']})"
            if rescued
            else ""
        ),
    }
