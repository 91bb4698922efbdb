"""The 1 Hz look at queue, memory and clocks: what is gone counts nought, what fails is kept."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain, count, repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import psycopg
import pytest

from orchestrator.errors import RecorderError
from orchestrator.history.records import HistoryRecord, QueueSnapshot, ResourceSample
from orchestrator.observe.absence import ServerAbsence
from orchestrator.observe.sampler import Sampler, WorkersSeen
from orchestrator.processes.linux import Process
from orchestrator.workers.child import ChildHandle
from tests.unit.stand_ins import RUN_ID, KeepingRecorder
from worker_child.adapters.contract import QueueCounts
from worker_child.adapters.pgqueuer.inbox import PgQueuerAdapter
from worker_child.protocol import Note

LIMIT_S = 10.0
CALM = QueueCounts(queued=3, claimed=2, retrying=1, dead=0, table_bytes=8192)
Look = QueueCounts | BaseException | Callable[[], QueueCounts]
Record = TypeVar("Record", bound=HistoryRecord)


class ToldQueue(PgQueuerAdapter):
    """Its counts are told one after another; an error among them is raised."""

    def __init__(self, looks: Iterator[Look]) -> None:
        self._looks = looks

    def counts(self, connection: psycopg.Connection[Any]) -> QueueCounts:
        look = next(self._looks)
        if isinstance(look, BaseException):
            raise look
        return look if isinstance(look, QueueCounts) else look()


class TickingRecorder(KeepingRecorder):
    """Keeps the records; `syncs` counts how often they would have been brought to the disk."""

    syncs = 0
    full = False

    def anchor(self) -> None:
        return

    def sync(self) -> None:
        self.syncs += 1

    def record_all(self, records: list[HistoryRecord]) -> None:
        if self.full:
            raise RecorderError(Path("history"), OSError(28, "No space left on device"))
        super().record_all(records)

    def of(self, kind: type[Record]) -> list[Record]:
        return [record for record in list(self.records) if isinstance(record, kind)]


class Connections:
    """Stands for the database's side: who connects gets a connection that may break."""

    def __init__(self) -> None:
        self.made: list[SimpleNamespace] = []
        self.refuse = False

    def connect(self, *_: Any, **__: Any) -> SimpleNamespace:
        if self.refuse:
            raise psycopg.OperationalError("connection refused")
        made = SimpleNamespace(broken=False, closed=False)
        made.close = lambda: setattr(made, "closed", True)
        self.made.append(made)
        return made


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Connections:
    made = Connections()
    monkeypatch.setattr(psycopg, "connect", made.connect)
    return made


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the seconds finds that another one has passed: the next sample is due."""
    seconds = count()
    hurried = SimpleNamespace(monotonic=seconds.__next__, monotonic_ns=time.monotonic_ns)
    monkeypatch.setattr("orchestrator.observe.sampler.time", hurried)


Start = Callable[..., Sampler]


class TurningSampler(Sampler):
    """The main loop has made one turn before each of its looks."""

    turn: Callable[[], WorkersSeen]

    def _children(self) -> ResourceSample:
        self.workers = self.turn()
        return super()._children()


@pytest.fixture
def recorder() -> TickingRecorder:
    return TickingRecorder()


@pytest.fixture
def start(connections: Connections, recorder: TickingRecorder) -> Iterator[Start]:
    """Starts a sampler that is told these looks at the queue, and the last one for ever."""
    started: list[Sampler] = []

    def begin(
        *looks: Look,
        workers: Callable[[], WorkersSeen] = WorkersSeen,
        postgres_pid: int | None = None,
        absence: ServerAbsence | None = None,
    ) -> Sampler:
        sampler = TurningSampler(
            "",
            RUN_ID,
            ToldQueue(chain(looks[:-1], repeat(looks[-1]))),
            recorder,
            worker_dsn="",
            capacity=20,
            postgres_pid=lambda: postgres_pid,
            absence=absence,
        )
        sampler.turn = workers
        started.append(sampler)
        sampler.start()
        return sampler

    yield begin
    for sampler in started:
        sampler.stop()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline_s, f"waited {LIMIT_S:g} s in vain for {what}"
        time.sleep(0.002)


def samples(recorder: TickingRecorder, subject: str) -> list[ResourceSample]:
    return [sample for sample in recorder.of(ResourceSample) if sample.subject == subject]


def test_each_look_is_written_down_brought_to_the_disk_and_told(
    start: Start, recorder: TickingRecorder
) -> None:
    sampler = start(CALM)
    wait_for(lambda: recorder.syncs >= 3, "three samples")
    sampler.stop()
    snapshots = recorder.of(QueueSnapshot)
    assert len(snapshots) == len(samples(recorder, "parent")) == recorder.syncs
    assert (snapshots[0].queued, snapshots[0].claimed, snapshots[0].retrying) == (3, 2, 1)
    assert sampler.in_flight == 2
    assert {backlog.rows for backlog in sampler.backlog} == {4}, "queued and retrying"
    assert sampler.error is None


def test_rows_that_come_and_go_between_the_looks_are_counted_anew_each_time(
    start: Start, recorder: TickingRecorder
) -> None:
    looks = [QueueCounts(rows, 0, 0, 0, 8192 * rows) for rows in (5, 900, 0, 1)]
    sampler = start(*looks)
    wait_for(lambda: len(sampler.backlog) >= 4, "four samples")
    assert [backlog.rows for backlog in sampler.backlog][:4] == [5, 900, 0, 1]


# What fails


def test_a_server_that_a_fault_keeps_away_is_not_asked_and_its_absence_is_told_from_when_to_when(
    start: Start, recorder: TickingRecorder, connections: Connections
) -> None:
    absence = ServerAbsence()
    absence.begin()
    sampler = start(psycopg.OperationalError("nobody is there"), CALM, absence=absence)
    wait_for(lambda: recorder.syncs >= 3, "three turns")
    assert recorder.of(QueueSnapshot) == []
    assert recorder.of(Note) == [], "it is told once it is over"
    absence.end()
    wait_for(lambda: len(recorder.of(Note)) >= 2, "the error that was not asked for before")
    wait_for(lambda: len(recorder.of(QueueSnapshot)) >= 2, "two samples")
    sampler.stop()
    unreadable, blind = recorder.of(Note)
    assert unreadable.code == "queue_unreadable", "back again, it is asked"
    first, *_ = recorder.of(QueueSnapshot)
    assert blind.code == "blind"
    assert blind.detail["from_ns"] < blind.detail["to_ns"] == blind.t_ns == first.t_ns
    assert len(connections.made) == 2, "a session of its own that is as fresh as the server"


def test_a_queue_that_is_locked_is_seen_through_the_session_that_locks_it(
    start: Start, recorder: TickingRecorder, connections: Connections
) -> None:
    absence = ServerAbsence()
    absence.begin()
    absence.through = cast("psycopg.Connection[Any]", connections.connect())
    start(CALM, absence=absence)
    wait_for(lambda: len(recorder.of(QueueSnapshot)) >= 2, "two samples")
    assert recorder.of(Note) == []


def test_counts_that_were_asked_for_before_the_server_went_are_of_no_known_instant(
    start: Start, recorder: TickingRecorder
) -> None:
    absence = ServerAbsence()

    def late() -> QueueCounts:
        absence.begin()
        absence.end()
        return CALM

    sampler = start(late, CALM, absence=absence)
    wait_for(lambda: len(recorder.of(QueueSnapshot)) >= 1, "a sample")
    sampler.stop()
    (blind,) = recorder.of(Note)
    first, *_ = recorder.of(QueueSnapshot)
    assert (blind.code, blind.detail["to_ns"]) == ("blind", first.t_ns)
    assert blind.detail["from_ns"] < first.t_ns


def test_a_queue_that_cannot_be_read_is_noted_and_read_again(
    start: Start, recorder: TickingRecorder
) -> None:
    sampler = start(CALM, psycopg.errors.LockNotAvailable("the table is locked"), CALM)
    wait_for(lambda: len(recorder.of(QueueSnapshot)) >= 2, "a sample after the error")
    (note,) = recorder.of(Note)
    assert (note.code, note.message) == ("queue_unreadable", "the table is locked")
    assert sampler.error is None


def test_a_session_that_broke_is_replaced(
    start: Start, recorder: TickingRecorder, connections: Connections
) -> None:
    sampler = start(psycopg.OperationalError("terminated by the administrator"))
    wait_for(lambda: len(recorder.of(Note)) >= 2, "two notes")
    assert len(connections.made) == 1, "a session that is whole is kept"
    connections.made[0].broken = True
    wait_for(lambda: len(connections.made) == 2, "another session")
    assert sampler.error is None


def test_a_server_that_refuses_does_not_end_the_sampling(
    start: Start, recorder: TickingRecorder, connections: Connections
) -> None:
    sampler = start(CALM, psycopg.OperationalError("the server is gone"))
    connections.refuse = True
    connections.made[0].broken = True
    wait_for(lambda: len(recorder.of(Note)) >= 3, "three notes")
    assert sampler.error is None


@pytest.mark.parametrize("error", [RuntimeError("our own bug"), RecursionError(), KeyError("x")])
def test_an_error_in_the_thread_is_kept_for_the_main_thread_to_see(
    start: Start, error: Exception
) -> None:
    sampler = start(CALM, error)
    wait_for(lambda: sampler.error is not None, "the error")
    assert sampler.error is error


def test_a_full_disk_is_kept_for_the_main_thread_to_see(
    start: Start, recorder: TickingRecorder
) -> None:
    sampler = start(CALM)
    wait_for(lambda: recorder.syncs >= 1, "a sample")
    recorder.full = True
    wait_for(lambda: sampler.error is not None, "the error")
    assert isinstance(sampler.error, RecorderError)


def test_a_thread_that_has_failed_is_stopped_like_any_other(
    start: Start, connections: Connections
) -> None:
    sampler = start(RuntimeError("our own bug"))
    sampler.stop()
    assert connections.made[0].closed


# Processes that come and go


def leading(group: int) -> ChildHandle:
    """A worker of which only its process group is known."""
    return cast(ChildHandle, SimpleNamespace(pid=group))


def test_workers_are_taken_as_the_main_loop_last_saw_them(
    start: Start, recorder: TickingRecorder
) -> None:
    seen = [
        WorkersSeen(),
        WorkersSeen((leading(os.getpgid(0)),), 7),
        WorkersSeen((leading(1 << 30),), 2),
    ]
    turns = chain(seen, repeat(WorkersSeen()))
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    ) as member:
        start(CALM, workers=turns.__next__)
        wait_for(lambda: recorder.syncs >= 4, "four samples")
        assert member.stdin is not None
        member.stdin.close()
    found = samples(recorder, "children")
    assert [sample.open_executions for sample in found][:4] == [0, 7, 2, 0]
    of_our_group = found[1]
    assert of_our_group.processes is not None and of_our_group.processes >= 1
    assert of_our_group.rss_bytes is not None and of_our_group.rss_bytes > 1_000_000
    assert [(found[i].processes, found[i].rss_bytes) for i in (0, 2, 3)] == [(0, 0)] * 3


def test_processes_that_end_during_the_look_count_nought_and_harm_nothing(
    start: Start, recorder: TickingRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen(["/bin/true"]) as ended:
        gone = Process(ended.pid, "R", os.getpid(), 4711, 4711, 0)
    monkeypatch.setattr("orchestrator.processes.linux.living", lambda: iter([gone]))
    workers = WorkersSeen((leading(4711),), 0)
    sampler = start(CALM, workers=lambda: workers, postgres_pid=ended.pid)
    wait_for(lambda: recorder.syncs >= 1, "a sample")
    assert sampler.error is None
    assert samples(recorder, "children")[0].rss_bytes == 0
    server = samples(recorder, "postgres")[0]
    assert (server.processes, server.rss_bytes) == (0, 0)
