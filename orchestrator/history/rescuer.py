"""Who was there to rescue a dead worker's jobs: one rule, for the run's own waits and for the
analysis of its history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from worker_child.protocol import Rescue

_NS_PER_S = 1_000_000_000


class Life(NamedTuple):
    """One worker's life, CLOCK_MONOTONIC nanoseconds."""

    ready_ns: int | None
    """From when on it could claim; None = it never was ready."""
    died_ns: int | None
    """When a fault ended it or it died unasked; None = it lives, or it stopped when asked."""
    stopped_ns: int | None = None
    """When it was gone because it had been asked to stop; None = it was not."""


class Rescuer(NamedTuple):
    """What the workers that lived after a death could do for its orphans."""

    ready_ns: int
    """When the first of them that outlived the lease was ready; before the death: a survivor."""
    had_time: bool
    """Some worker lived through a whole look for orphans and a poll behind the lease, so that it is
    the queue's own doing where they are not back."""

    def bound_s(self, rescue: Rescue, died_ns: int) -> float:
        """From the death until an orphan must have been picked up, seconds."""
        return rescue.bound_s(max(0.0, (self.ready_ns - died_ns) / _NS_PER_S))


class Outage(NamedTuple):
    """A fault that ended no process, CLOCK_MONOTONIC nanoseconds."""

    began_ns: int
    healed_ns: int | None
    """None = it is not over."""


def stretched_ns(since_ns: int, wait_ns: int, outages: Iterable[Outage]) -> int | None:
    """Until when something must have come that may take `wait_ns` from `since_ns` on.

    Where an outage falls into the wait it counts from the outage's end anew. None = such an outage
    was never over, and there is no such instant.
    """
    until_ns = since_ns + wait_ns
    for outage in sorted(outages, key=lambda outage: outage.began_ns):
        if outage.began_ns > until_ns:
            break
        if outage.healed_ns is None:
            return None
        if outage.healed_ns > since_ns:
            until_ns = max(until_ns, outage.healed_ns + wait_ns)
    return until_ns


def find_rescuer(rescue: Rescue, died_ns: int, others: Sequence[Life]) -> Rescuer | None:
    """Who could rescue what a worker that died at `died_ns` had left; None = nobody.

    `others` are the lives of all workers but the dead one, in whatever slot. One that died before
    the lease was over could free nothing; the bound counts from the first that did not.
    One that was asked to stop could have, had it been let: there is a bound, and it had no time.
    """
    lease_over_ns = died_ns + round(rescue.lease_s * _NS_PER_S)
    look_ns = round((rescue.interval_s + rescue.poll_s) * _NS_PER_S)
    able = [
        (life.ready_ns, life.died_ns if life.stopped_ns is None else life.stopped_ns)
        for life in others
        if life.ready_ns is not None and (life.died_ns is None or life.died_ns > lease_over_ns)
    ]
    if not able:
        return None
    had_time = any(
        gone_ns is None or gone_ns - max(ready_ns, lease_over_ns) >= look_ns
        for ready_ns, gone_ns in able
    )
    return Rescuer(min(ready_ns for ready_ns, _ in able), had_time)
