"""How long may a rescue take? The one formula, for the drain and for whoever waits."""

from __future__ import annotations

from worker_child.adapters.contract import RescuePolicy

_NS_PER_S = 1_000_000_000


def predicted_bound_s(rescue: RescuePolicy, outage_s: float) -> float:
    """The longest time from a kill until an orphan is claimable and a poll is due, seconds.

    `outage_s` is the time from the kill until the next worker of the slot is ready
    (DESIGN: max(lease, ready - kill) + rescue interval + poll).
    """
    return max(rescue.lease_s, outage_s) + rescue.interval_s + rescue.poll_s
