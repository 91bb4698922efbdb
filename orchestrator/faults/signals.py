"""Faults that are a signal to a worker's process group: what they do, and how they are healed."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.faults.targets import Reach, Worker, slots_named
from orchestrator.scenario.faults import CrashLoop, Kill, KillAtOnce, Storm
from orchestrator.workers.child import ChildHandle

HealedAt = Callable[[], int | None]
"""When the fault was healed, monotonic ns; None = not yet."""


def kill(reach: Reach, victim: Worker, fault: int) -> int:
    """SIGKILL the process group; returns `kill_sent`, stamped just before.

    One that is held at a round trip is frozen first.
    """
    if reach.watch is not None and reach.watch.seen is not None:
        reach.watch.freeze()
    return reach.fleet.kill(victim.child, fault)


def respawn(reach: Reach, victim: Worker, fault: int) -> HealedAt:
    """Fill the slot with its next incarnation; healed when that is ready."""
    child = reach.fleet.spawn(victim.child.slot, after_fault=fault)
    return lambda: ready_ns_of(reach, child)


def ready_ns_of(reach: Reach, child: ChildHandle) -> int | None:
    """When a worker said that it was ready; None = not yet."""
    ready = reach.tracker.ready.get((child.slot, child.incarnation))
    return ready.t_ns if ready else None


def gone_and_filled(
    reach: Reach, successor: ChildHandle, gone_ns: Callable[[], int | None]
) -> HealedAt:
    """Healed when the victim is gone, as `gone_ns` says, and the next process of its slot ready."""

    def healed_ns() -> int | None:
        gone, ready = gone_ns(), ready_ns_of(reach, successor)
        return None if gone is None or ready is None else max(gone, ready)

    return healed_ns


def describe_kill(entry: Kill) -> str:
    """For a person, before the run."""
    return f"SIGKILL of slot {entry.slot}"


def describe_kill_at_once(entry: KillAtOnce) -> str:
    """For a person, before the run."""
    return f"SIGKILL of {slots_named(entry.slots)} at once"


def describe_storm(entry: Storm) -> str:
    """For a person, before the run."""
    slots = slots_named(entry.slots)
    return f"SIGKILL of {slots}, {entry.rounds} rounds, one every {entry.every_s:g} s,"


def describe_crash_loop(entry: CrashLoop) -> str:
    """For a person, before the run."""
    return f"SIGKILL of slot {entry.slot} and of its next {entry.successors} processes"
