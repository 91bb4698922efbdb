"""Stand-ins for what the supervisor's parts look at: a clock, workers, the database, the history.

They do only what they are told, so that a test says what is seen and looks at what is done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from types import SimpleNamespace
from typing import Any, Literal, cast

import msgspec

from orchestrator.history.recorder import Recorder
from orchestrator.history.records import KIND_OF, HistoryRecord, RowRead
from orchestrator.history.sessions import Session
from orchestrator.observe.parts import RunParts
from orchestrator.observe.probe import Probe, Reading
from orchestrator.observe.sampler import Backlog, Sampler
from orchestrator.workers.child import ChildHandle, Exit, State
from orchestrator.workers.ends import Ends
from orchestrator.workers.event_reader import Event, EventReader
from orchestrator.workers.fleet import Fleet
from orchestrator.workers.tracker import Incarnation, Tracker
from worker_child.adapters.contract import InboxRow, QueueCounts
from worker_child.names import session_name
from worker_child.protocol import (
    ChildEvent,
    ChildReady,
    Init,
    JobCompleted,
    JobDiscarded,
    JobStarted,
)

S = 1_000_000_000
MS = 1_000_000
RUN_ID = "unit-none-none-001"


class Clock:
    """Stands where a module has `time`; it moves only when it is told to, or slept on."""

    def __init__(self, now_ns: int = 1000 * S) -> None:
        self.now_ns = now_ns

    def monotonic_ns(self) -> int:
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        self.now_ns += round(seconds * S)

    def forward(self, seconds: float) -> int:
        """Let time pass; returns the new instant."""
        self.sleep(seconds)
        return self.now_ns


class StillChild(ChildHandle):
    """A worker without a process: alive until it is killed, then as far gone as it is made."""

    def __init__(self, slot: int, incarnation: int, clock: Clock) -> None:
        self._clock = clock
        self.look_s = 0.0
        """How long it takes to look for survivors of its."""
        self.others: list[int] = []
        """Those that it has started, and that live."""
        self.slot = slot
        self.incarnation = incarnation
        self.pid = 70_000 + 100 * slot + incarnation
        self.state = State.SPAWNED
        self.killed_ns: int | None = None
        self.group_killed = False
        self.terminated_ns: list[int] = []
        self.paused_ns: int | None = None
        self.resumed_ns: int | None = None
        self.exit: Exit | None = None
        self.eof_ns: int | None = None
        name = session_name(RUN_ID, slot, incarnation)
        self.init = cast("Init", SimpleNamespace(application_name=name, role="worker"))

    def survivors(self) -> list[int]:
        """No process of this machine is one."""
        self._clock.sleep(self.look_s)
        return self.others

    def kill(self) -> int:
        """There is nobody to be killed."""
        self.group_killed = True
        return self._clock.now_ns

    def end(self, t_ns: int, signal: int | None = 9) -> None:
        """Be reaped, and the pipe read to its end."""
        code = None if signal else 0
        self.exit = Exit(reaped_ns=t_ns, exit_code=code, signal=signal, max_rss_bytes=0)
        self.eof_ns = t_ns


class StillFleet(Fleet):
    """Keeps a book of workers and starts no process; what is asked of it stands in the book."""

    def __init__(self, tracker: Tracker, clock: Clock) -> None:
        self.children: dict[Incarnation, ChildHandle] = {}
        self.spawned_ns: dict[Incarnation, int] = {}
        self._ends = Ends()
        self._tracker = tracker
        self._clock = clock

    def spawn(self, slot: int, *, after_fault: int | None = None) -> StillChild:
        incarnation = sum(key[0] == slot for key in self.children)
        child = StillChild(slot, incarnation, self._clock)
        self.children[slot, incarnation] = child
        self.spawned_ns[slot, incarnation] = self._clock.now_ns
        self._tracker.open[slot, incarnation] = {}
        return child

    def ready(self, slot: int = 0) -> StillChild:
        """The slot's worker, spawned if there is none, announces itself under `identity`."""
        child = self.in_slot(slot) or self.spawn(slot)
        assert isinstance(child, StillChild)
        self.announce(slot, child.incarnation)
        return child

    def announce(self, slot: int, incarnation: int, name: str | None = None) -> None:
        """This very one says that it is ready, under a name of its own or this one."""
        child, key = self.children[slot, incarnation], (slot, incarnation)
        child.state = State.READY
        self._tracker.ready[key] = ChildReady(
            self._clock.now_ns, 0, *key, pid=child.pid, identity=name or identity(*key)
        )

    def terminate(self, child: ChildHandle, fault: int) -> int:
        child.state = State.STOPPING
        assert isinstance(child, StillChild)
        child.terminated_ns.append(self._clock.now_ns)
        return self._clock.now_ns

    def kill_leader(self, child: ChildHandle, fault: int) -> int:
        child.state = State.KILLED
        child.killed_ns = self._clock.now_ns
        return self._clock.now_ns

    def nobody_lives_on(self, child: ChildHandle) -> None:
        child.state = State.GONE

    def tell_to_stop(self, child: ChildHandle, fault: int) -> int:
        child.state = State.STOPPING
        return self._clock.now_ns

    def pause(self, child: ChildHandle) -> int:
        child.paused_ns = self._clock.now_ns
        return child.paused_ns

    def resume(self, child: ChildHandle) -> int:
        child.paused_ns, child.resumed_ns = None, self._clock.now_ns
        return child.resumed_ns

    def let_die(self, child: ChildHandle, fault: int) -> int:
        return self.kill(child, fault)

    def kill(self, child: ChildHandle, fault: int | None) -> int:
        child.state = State.KILLED
        self._ends.died_ns[child.slot, child.incarnation] = self._clock.now_ns
        child.killed_ns = self._clock.now_ns
        return self._clock.now_ns


class Lines:
    """What a worker's pipe brings, taken in by a tracker as the fleet does it."""

    def __init__(self, tracker: Tracker, slot: int = 0, incarnation: int = 0) -> None:
        self._tracker = tracker
        self._key = slot, incarnation
        self._execution: dict[str, int] = {}

    def start(self, *jobs: str) -> None:
        for job_id in jobs:
            execution = self._execution[job_id] = len(self._execution) + 1
            self._take_in(JobStarted(0, 0, *self._key, job_id, execution, inbox_of(job_id)))

    def complete(self, *jobs: str) -> None:
        for job_id in jobs:
            if job_id not in self._execution:
                self.start(job_id)
            execution = self._execution[job_id]
            self._take_in(JobCompleted(0, 0, *self._key, job_id, execution, inbox_of(job_id)))

    def discard(self, job_id: str) -> None:
        slot, incarnation = self._key
        event = JobDiscarded(0, job_id, "hook", n=0, slot=slot, incarnation=incarnation)
        self._take_in(event)

    def _take_in(self, fields: ChildEvent) -> None:
        self._tracker.observe(self._key, as_read(fields))


def as_read(*said: ChildEvent) -> list[Event]:
    """What worker 0:0 or another one has said, as it comes out of its pipe."""
    events: list[Event] = []
    for fields in said:
        line = {"run_id": RUN_ID, "timestamp": "", "kind": KIND_OF[type(fields)], "fields": fields}
        who = fields.slot, fields.incarnation
        assert who[0] is not None
        assert who[1] is not None
        batch = EventReader(RUN_ID, who[0], who[1]).feed(msgspec.json.encode(line) + b"\n")
        assert not batch.bad, batch.bad
        events += batch.events
    return events


class ToldProbe(Probe):
    """Sees what the test has put down, and counts how often it was asked for what."""

    def __init__(self, clock: Clock) -> None:
        self.counted = QueueCounts(0, 0, 0, 0, 0)
        self.claimed: list[InboxRow] = []
        self.lines: list[RowRead] = []
        self.read_error: str | None = None
        self.open_sessions: dict[str, list[Session]] = {}
        self.audited: list[dict[str, Any]] = []
        self.looks = 0
        self.row_looks = 0
        self.reads = 0
        self._clock = clock

    def counts(self) -> QueueCounts:
        self.looks += 1
        return self.counted

    def rows(self, inbox_ids: list[str]) -> list[InboxRow]:
        self.row_looks += 1
        return self.claimed

    def sessions(self, names: Collection[str]) -> list[Session]:
        return [session for name in names for session in self.open_sessions.get(name, [])]

    def unknown_sessions(self) -> list[Session]:
        return []

    def audit(self) -> list[dict[str, Any]]:
        return self.audited

    def read(
        self,
        read: Literal["kill", "final"],
        job_of_inbox_id: Mapping[str, str],
        *,
        fault: int | None = None,
        inbox_ids: list[str] | None = None,
        jobs: Iterable[str] = (),
    ) -> Reading:
        self.reads += 1
        now_ns = self._clock.now_ns
        lines = [] if self.read_error else self.lines
        closing = RowRead(now_ns, read, fault=fault, lines=len(lines), error=self.read_error)
        return Reading(now_ns, [*lines, closing], self.read_error)


class ToldSampler(Sampler):
    """Has seen the backlogs that a test gives it."""

    def __init__(self) -> None:
        self.backlog = deque[Backlog]()


class KeepingRecorder(Recorder):
    """Keeps the records instead of writing them."""

    def __init__(self) -> None:
        self.records: list[HistoryRecord] = []

    def record(self, record: HistoryRecord) -> None:
        self.records.append(record)

    def record_all(self, records: list[HistoryRecord]) -> None:
        self.records.extend(records)


def parts_of(
    fleet: Fleet,
    probe: Probe,
    tracker: Tracker,
    sampler: Sampler | None = None,
    recorder: Recorder | None = None,
) -> RunParts:
    """The parts of a run of stand-ins."""
    return RunParts(fleet, tracker, probe, sampler or ToldSampler(), recorder or KeepingRecorder())


def identity(slot: int, incarnation: int) -> str:
    """Under which name an incarnation claims."""
    return f"worker-{slot}-{incarnation}"


def inbox_of(job_id: str) -> str:
    """The row of a job."""
    return f"row-{job_id}"


def claimed_row(job_id: str, by: str | None = None) -> InboxRow:
    """A row that somebody holds."""
    return InboxRow(job_id, inbox_of(job_id), "claimed", by or identity(0, 0))


def claimed_line(job_id: str, by: str | None = None) -> RowRead:
    """The same, as a line of a read."""
    row = claimed_row(job_id, by)
    return RowRead(0, "kill", job_id, state="claimed", claimed_by=row.claimed_by)
