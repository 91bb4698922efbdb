"""From a kill until work went on: in the victim's slot, and in the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.history.columns import EXECUTION_BITS, INCARNATION_BITS, Ints
from analysis.metrics.kill_evidence import Kill
from analysis.section import Duration, duration
from orchestrator.history.worker_faults import LeaderEnd


@dataclass(frozen=True, slots=True)
class Resumption:
    """From the kill until work went on."""

    reaped: Duration
    sessions_gone: Duration
    respawned: Duration
    ready: Duration
    resumed: Duration
    after_respawn: Duration
    after_ready: Duration
    survivor: Duration


def resumption_of(kill: Kill) -> Resumption:
    since, end, successor = kill.sent_ns, kill.victim.end, kill.successor
    reaped_ns = end.alone_ns if isinstance(end, LeaderEnd) else end.reaped_ns if end else None
    gone_ns = end.sessions_gone_ns if end else None
    spawned_ns = successor.spawned_ns if successor else None
    ready_ns = successor.ready_ns if successor else None
    resumed_ns = _resumed_ns(kill)
    not_resumed = "no later incarnation of the slot started a job"
    no_survivor = "no other slot had a live worker that started a job"
    return Resumption(
        reaped=duration(since, reaped_ns, "the victim was not seen to be reaped"),
        sessions_gone=duration(since, gone_ns, "its sessions were not seen to go"),
        respawned=duration(since, spawned_ns, "the slot was not filled again"),
        ready=duration(since, ready_ns, "no later incarnation of the slot was ready"),
        resumed=duration(since, resumed_ns, not_resumed),
        after_respawn=duration(spawned_ns, resumed_ns, not_resumed),
        after_ready=duration(ready_ns, resumed_ns, not_resumed),
        survivor=duration(since, _survivor_pickup_ns(kill), no_survivor),
    )


def _slots_and_numbers(keys: Ints) -> tuple[Ints, Ints]:
    workers = keys >> EXECUTION_BITS
    return workers >> INCARNATION_BITS, workers & ((1 << INCARNATION_BITS) - 1)


def _resumed_ns(kill: Kill) -> int | None:
    slots, numbers = _slots_and_numbers(kill.history.starts.key)
    return kill.earliest((slots == kill.victim.slot) & (numbers > kill.victim.number))


def _survivors(kill: Kill) -> list[int]:
    """The keys of the workers in other slots that lived on."""
    kill_ns = kill.sent_ns
    return [
        member.key
        for member in kill.incarnations
        if member.slot != kill.victim.slot
        and (member.spawned_ns is None or member.spawned_ns < kill_ns)
        and (member.gone_ns is None or member.gone_ns > kill_ns)
    ]


def _survivor_pickup_ns(kill: Kill) -> int | None:
    starts = kill.history.starts
    theirs = np.isin(starts.key >> EXECUTION_BITS, _survivors(kill))
    return kill.earliest(theirs & (starts.t_ns > kill.sent_ns))
