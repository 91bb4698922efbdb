"""Who worked, when each incarnation lived and how it ended, and who holds a row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from analysis.history.columns import worker_key
from analysis.history.history import Records
from orchestrator.history.records import ChildExited, ChildSpawned, FaultEnded, FaultInjected
from orchestrator.history.rescuer import Life, Outage, Rescuer, find_rescuer, stretched_ns
from orchestrator.history.targets import WorkerTarget
from orchestrator.history.worker_faults import Departure, LeaderEnd, ProcessEnd
from worker_child.protocol import ChildReady, Note, Rescue

Place = tuple[int, int]
"""(slot, incarnation)"""


@dataclass(frozen=True, slots=True)
class Incarnation:
    """One process in a slot. Instants are CLOCK_MONOTONIC nanoseconds; None = never seen."""

    slot: int
    number: int
    spawned_ns: int | None
    ready_ns: int | None
    exited: ChildExited | None
    fault: FaultInjected | None
    """The fault that ended its process, as of when it did; None = none did, whatever else may have
    hit it."""
    certificate: FaultEnded | None
    """Of that fault."""
    end: ProcessEnd | None
    """What the certificate saw of its end."""
    rescuer: Rescuer | None
    """Of one that died or left early: who was there to rescue its orphans. None = this preset never
    rescues, or no worker outlived the lease."""
    bound_s: float | None
    """Of one that died or left early: from then until an orphan must have been picked up
    (METHODOLOGY, predicted_bound_s). None = there was no rescuer."""
    left_early: bool
    """It was told to stop, and had left before the run asked its workers to: others went on."""
    told_ns: int | None
    """When a fault told it to stop, as a deploy does; None = none did."""
    leaderless_ns: int | None
    """From when on its first process was dead and others of it lived on; None = never."""
    successor: Place | None
    """The next incarnation of the slot that was spawned."""

    @property
    def key(self) -> int:
        """As it stands in the keys of executions."""
        return worker_key(self.slot, self.number)

    @property
    def dead(self) -> bool:
        """A fault ended it, or it died unasked; one that stopped when asked counts as live."""
        return self.fault is not None or (self.exited is not None and self.exited.reason == "died")

    @property
    def stopped(self) -> bool:
        """Left after it was asked to, by itself or not: its claims are nobody's orphans."""
        asked = self.exited is not None and self.exited.reason in ("stopped", "stop_ignored")
        return asked and not self.dead

    @property
    def died_ns(self) -> int:
        """Of a dead one: the instant of the fault, or when its unasked exit was seen."""
        assert self.dead, f"slot {self.slot} incarnation {self.number} is not dead"
        if self.fault is not None:
            return self.fault.t_ns
        assert self.exited is not None
        return self.exited.t_ns

    @property
    def gone_ns(self) -> int | None:
        """From when on none of its code can have run; None = it was never seen to leave."""
        if isinstance(self.end, LeaderEnd):
            return self.end.alone_ns
        if self.end is not None and self.end.reaped_ns is not None:
            return self.end.reaped_ns
        if self.exited is not None:
            return self.exited.t_ns
        return None

    def deadline_ns(self, margin_s: float, length_us: int, outages: Sequence[Outage]) -> int | None:
        """Until when a job that was in flight when it died or left must have been completed.

        `margin_s` is the scenario's limits.backlog_margin_s, `length_us` the job's planned
        length; an outage among `outages` that falls into the wait begins it anew. None = there is
        no deadline.
        """
        if self.bound_s is None:
            return None
        gone_ns = self.died_ns if self.dead else self.gone_ns
        assert gone_ns is not None, "one that was told to stop and left has an end"
        wait_ns = round((self.bound_s + margin_s) * 1e9) + length_us * 1000
        return stretched_ns(gone_ns, wait_ns, outages)


class Incarnations:
    """Every incarnation of a run."""

    def __init__(self, members: Iterable[Incarnation], ready: Iterable[ChildReady]) -> None:
        self._members = {(member.slot, member.number): member for member in members}
        self._by_key = {member.key: member for member in self._members.values()}
        self._announced: defaultdict[str, list[ChildReady]] = defaultdict(list)
        for announcement in sorted(ready, key=lambda one: one.t_ns):
            self._announced[announcement.identity].append(announcement)

    def __iter__(self) -> Iterator[Incarnation]:
        return iter([self._members[place] for place in sorted(self._members)])

    def get(self, slot: int, number: int) -> Incarnation | None:
        """The nth process in a slot; None = no line tells of one."""
        return self._members.get((slot, number))

    def by_key(self, key: int) -> Incarnation | None:
        """The incarnation that an execution's key names."""
        return self._by_key.get(key)

    def dead(self) -> list[Incarnation]:
        """All dead ones, the first to die first."""
        dead = [member for member in self._members.values() if member.dead]
        return sorted(dead, key=lambda member: (member.died_ns, member.slot, member.number))

    def holders(
        self, identity: str, t_ns: int, claimed_ns: int | None = None
    ) -> tuple[Incarnation, ...]:
        """Who can have held a row under `identity` at `t_ns`, if it was claimed at `claimed_ns`
        (None = the queue does not say); empty = nobody announced that identity.

        There is one, save where several incarnations of a slot bear one name, one after another.
        Of those a claim is whose that was ready then and whose successor was not yet spawned;
        between a successor's spawn and its ready it may be of either, and without a time of anyone
        that was ready by `t_ns`.
        """
        announced = self._announced.get(identity, [])
        could = [ready for ready in announced if ready.t_ns <= t_ns] or announced[:1]
        if claimed_ns is not None and len(could) > 1:
            could = [r for r in could if self._begun_ns(r) <= claimed_ns] or could[:1]
            settled = sum(ready.t_ns <= claimed_ns for ready in could)
            could = could[max(0, settled - 1) :]
        members = (self.get(ready.slot, ready.incarnation) for ready in could)
        return tuple(member for member in members if member is not None)

    def _begun_ns(self, ready: ChildReady) -> int:
        member = self.get(ready.slot, ready.incarnation)
        spawned_ns = None if member is None else member.spawned_ns
        return ready.t_ns if spawned_ns is None else spawned_ns


def stop_asked_ns(records: Records) -> int | None:
    """When the run asked its workers to stop; None = the history does not say."""
    for note in records.of(Note):
        if note.n is None and note.code == "phase" and note.detail.get("phase") == "stop":
            return note.t_ns
    return None


def load_incarnations(records: Records, rescue: Rescue | None) -> Incarnations:
    """All incarnations that any line of the parent or any `child_ready` tells of."""
    spawned = {(r.slot, r.incarnation): r for r in records.of(ChildSpawned)}
    ready = {(r.slot, r.incarnation): r for r in reversed(records.of(ChildReady))}
    exited = {(r.slot, r.incarnation): r for r in records.of(ChildExited)}
    hits = [(r, w) for r in reversed(records.of(FaultInjected)) for w in r.target.workers]
    certificates = {r.fault: r for r in records.of(FaultEnded)}
    departures = {(w.slot, w.incarnation): _departure(certificates.get(r.fault)) for r, w in hits}
    told = {place: end.told_ns for place, end in departures.items() if end is not None}
    faults = _fatal(hits, departures, certificates)
    sent_ns = {r.fault: r.t_ns for r, _ in hits}
    leaderless = {
        place: sent_ns[r.fault] for place, r in faults.items() if _lived_on(r, certificates)
    }
    died = {place: r.t_ns for place, r in exited.items() if r.reason == "died"}
    died |= {place: r.t_ns for place, r in faults.items()}
    stopped = {place: r.t_ns for place, r in exited.items() if place not in died}
    stop_ns = stop_asked_ns(records)
    early = {
        place: left_ns
        for place, left_ns in stopped.items()
        if stop_ns is not None and left_ns < stop_ns
    }
    lives = {place: Life(r.t_ns, died.get(place), stopped.get(place)) for place, r in ready.items()}

    def incarnation(place: Place) -> Incarnation:
        fault = faults.get(place)
        left = exited.get(place)
        certificate = certificates.get(fault.fault) if fault else None
        died_ns = died.get(place, early.get(place))
        others = [life for other, life in lives.items() if other != place]
        rescuer = None
        if rescue is not None and died_ns is not None:
            rescuer = find_rescuer(rescue, died_ns, others)
        return Incarnation(
            slot=place[0],
            number=place[1],
            spawned_ns=spawned[place].t_ns if place in spawned else None,
            ready_ns=ready[place].t_ns if place in ready else None,
            exited=left,
            fault=fault,
            certificate=certificate,
            end=_process_end(certificate),
            rescuer=rescuer,
            bound_s=_bound_s(rescue, died_ns, rescuer),
            left_early=place in early,
            told_ns=told.get(place),
            leaderless_ns=leaderless.get(place),
            successor=_successor(place, spawned),
        )

    places = {*spawned, *ready, *exited, *((w.slot, w.incarnation) for _, w in hits)}
    return Incarnations(map(incarnation, sorted(places)), records.of(ChildReady))


def _process_end(certificate: FaultEnded | None) -> ProcessEnd | None:
    after = None if certificate is None else certificate.after
    return after if isinstance(after, ProcessEnd) else None


def _departure(certificate: FaultEnded | None) -> Departure | None:
    after = None if certificate is None else certificate.after
    return after if isinstance(after, Departure) else None


def _fatal(
    hits: Sequence[tuple[FaultInjected, WorkerTarget]],
    departures: Mapping[Place, Departure | None],
    certificates: Mapping[int, FaultEnded],
) -> dict[Place, FaultInjected]:
    """The fault that ended each of these processes, stamped when it killed the last of it: of one
    that was told to leave at the kill that followed, of one that lost its leader at the end of the
    rest."""
    fatal = {(w.slot, w.incarnation): r for r, w in hits if r.ends_process}
    for sent, worker in hits:
        place = worker.slot, worker.incarnation
        left = departures[place]
        if left is not None and left.killed_ns is not None:
            fatal[place] = msgspec.structs.replace(
                sent, t_ns=left.killed_ns, ends_process=True, intended_ns=None
            )
    for place, sent in fatal.items():
        end_ns = _end_of_the_rest(sent, certificates)
        if end_ns is not None:
            fatal[place] = msgspec.structs.replace(sent, t_ns=end_ns, intended_ns=None)
    return fatal


def _leader_end(sent: FaultInjected, ended: Mapping[int, FaultEnded]) -> LeaderEnd | None:
    seen = ended.get(sent.fault)
    after = None if seen is None else seen.after
    return after if isinstance(after, LeaderEnd) else None


def _lived_on(sent: FaultInjected, ended: Mapping[int, FaultEnded]) -> bool:
    end = _leader_end(sent, ended)
    return end is not None and bool(end.lived_on)


def _end_of_the_rest(sent: FaultInjected, ended: Mapping[int, FaultEnded]) -> int | None:
    """Of a worker that lost its leader: when the rest was killed, or was seen to be gone."""
    end = _leader_end(sent, ended)
    return None if end is None else end.killed_ns or end.alone_ns


def _successor(place: Place, spawned: Mapping[Place, ChildSpawned]) -> Place | None:
    later = [other for other in spawned if other[0] == place[0] and other[1] > place[1]]
    return min(later, default=None)


def _bound_s(rescue: Rescue | None, died_ns: int | None, rescuer: Rescuer | None) -> float | None:
    if rescue is None or died_ns is None or rescuer is None:
        return None
    return round(rescuer.bound_s(rescue, died_ns), 6)
