"""The library's settings, every default by name; README.md says whose choice each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from worker_child.adapters.contract import NO_CHANGES, Preset, Workers
from worker_child.protocol import Rescue

from .language import LANGUAGE

PRESETS = ("stock", "tuned")

_STOCK: dict[str, Any] = {"lease_s": 10.0, "poll_s": 0.2, "retry_delay_s": 0.5}
_CHANGES: dict[str, dict[str, Any]] = {"stock": {}, "tuned": {"lease_s": 3.0}}


def resolve(name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES) -> Preset:
    """Resolve a preset, `changes` of single settings on top; what follows from them follows here.

    Raise `UnusableWorkersError` where your library cannot work like this, `UnusableSettingsError`
    where it cannot work with the changes.
    """
    settings = {
        **_STOCK,
        **_CHANGES[name],
        "concurrency": workers.concurrency,
        "max_attempts": workers.max_attempts,
        **changes,
    }
    lease_s, poll_s = settings["lease_s"], settings["poll_s"]
    return Preset(
        name=name,
        settings=settings,
        rescue=Rescue("its lease is renewed no more", lease_s, interval_s=0.0, poll_s=poll_s),
        periods_s={"renewal": lease_s / 3, "poll": poll_s},
        parity=_parity(settings),
        from_workers={"concurrency": "workers.concurrency", "max_attempts": "workers.max_attempts"},
    )


def _parity(settings: dict[str, Any]) -> dict[str, str]:
    return {
        "enqueue": "one INSERT for all that is due together",
        "wake_up": f"a look each {settings['poll_s']:g} s, no NOTIFY",
        "claim_batch": "one row",
        "completion": "one by one, at once",
        "rescue_counts_as_attempt": "no",
        "retries": (
            f"the library: {settings['max_attempts']} attempts, the first retry after "
            f"{settings['retry_delay_s']:g} s, each delay twice the one before, no jitter"
        ),
        "finished_rows": "deleted",
        "language": LANGUAGE,
        "ours": "all of it: the queue is the adapter's own",
    }
