"""Looks once a second at the queue, the memory and the clocks, and writes down what it saw."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import psutil
import psycopg
from psycopg.conninfo import make_conninfo

from orchestrator.history.recorder import Recorder
from orchestrator.history.records import HistoryRecord, QueueSnapshot, ResourceSample
from orchestrator.observe.absence import ServerAbsence
from orchestrator.observe.probe import parent_session_name
from orchestrator.observe.queue_calls import QueueCalls, role_of_its_own
from orchestrator.workers.child import ChildHandle, memory_of
from worker_child.adapters.contract import Adapter, QueueCounts
from worker_child.protocol import Note

_KEPT_SAMPLES = 600


@dataclass(frozen=True)
class Backlog:
    """Rows that wait to be claimed, at one instant."""

    t_ns: int
    rows: int


@dataclass(frozen=True)
class WorkersSeen:
    """What the main loop saw of the workers in its last turn; handed over whole."""

    unreaped: tuple[ChildHandle, ...] = ()
    """Those whose process has not ended."""
    open_executions: int = 0


class Sampler:
    """A thread with a connection of its own. `backlog` may be read from any thread.

    `worker_dsn` tells the workers' role, `postgres_pid` the postmaster's pid where the server is
    ours. While the server is away (`absence`) its queue is not looked at; a note says from when to
    when.
    """

    def __init__(
        self,
        dsn: str,
        run_id: str,
        adapter: Adapter,
        recorder: Recorder,
        *,
        worker_dsn: str,
        capacity: int,
        postgres_pid: Callable[[], int | None],
        absence: ServerAbsence | None = None,
    ) -> None:
        name = parent_session_name(run_id, "sampler")
        self._conninfo = make_conninfo(dsn, application_name=name)
        self._connection = psycopg.connect(self._conninfo, autocommit=True)
        self._worker_role = role_of_its_own(worker_dsn, dsn)
        self._calls = QueueCalls(self._connection, self._worker_role)
        self._adapter = adapter
        self._recorder = recorder
        self._capacity = capacity
        self._postgres_pid = postgres_pid
        self._absence = absence or ServerAbsence()
        self._back = 0
        self._blind_since_ns: int | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler")
        self.backlog: deque[Backlog] = deque(maxlen=_KEPT_SAMPLES)
        self.workers = WorkersSeen()
        """What the main loop last saw of them; it puts a new one here in each of its turns."""
        self.in_flight = 0
        """Rows that were claimed at the last look."""
        self.error: BaseException | None = None

    def start(self) -> None:
        """Begin with a sample at once."""
        self._thread.start()

    def stop(self, timeout_s: float = 15.0) -> None:
        """End the thread and close the connection."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        self._connection.close()

    def _run(self) -> None:
        due_s = time.monotonic()
        try:
            while True:
                self._sample()
                self._recorder.sync()
                due_s = max(due_s + 1.0, time.monotonic())
                if self._stop.wait(due_s - time.monotonic()):
                    return
        except BaseException as error:  # noqa: BLE001 - the main thread raises it again
            self.error = error

    def _sample(self) -> None:
        self._recorder.anchor()
        records: list[HistoryRecord] = [self._children(), self._parent()]
        pid = self._postgres_pid()
        self._see_again()
        if pid is not None:
            records += self._postgres(pid)
        records += self._queue()
        self._recorder.record_all(records)

    def _see_again(self) -> None:
        """Take another session when the server has come back."""
        if not self._absence.on and self._back != self._absence.back:
            self._back = self._absence.back
            self._connection.close()
            self._reconnect()

    def _queue(self) -> list[HistoryRecord]:
        t_ns = time.monotonic_ns()
        counts, note = self._counted(t_ns)
        if counts is None:
            return [] if note is None else [note]
        blind, self._blind_since_ns = self._blind_since_ns, None
        gap: list[HistoryRecord] = [] if blind is None else [_blind(blind, t_ns)]
        return [*gap, self._snapshot(t_ns, counts)]

    def _counted(self, t_ns: int) -> tuple[QueueCounts | None, Note | None]:
        """The rows, or why there are none; nothing of either while the server is away.

        What was asked before it went, and answered once it was back, is of no known instant.
        """
        went_on, back = self._absence.on, self._absence.back
        connection = self._absence.through if went_on else self._connection
        try:
            if connection is not None:
                counts = self._adapter.counts(connection)
                if (self._absence.on, self._absence.back) == (went_on, back):
                    return counts, None
        except psycopg.Error as error:
            self._reconnect()
            if not (went_on or self._absence.on):
                return None, Note(t_ns=t_ns, code="queue_unreadable", message=str(error))
        self._blind_since_ns = self._blind_since_ns or t_ns
        return None, None

    def _snapshot(self, t_ns: int, counts: QueueCounts) -> QueueSnapshot:
        self.in_flight = counts.claimed
        self.backlog.append(Backlog(t_ns, counts.queued + counts.retrying))
        return QueueSnapshot(
            t_ns=t_ns,
            queued=counts.queued,
            claimed=counts.claimed,
            retrying=counts.retrying,
            dead=counts.dead,
            table_bytes=counts.table_bytes,
        )

    def _reconnect(self) -> None:
        """After an error: a fresh session at the next look, or another `queue_unreadable`."""
        if not (self._connection.broken or self._connection.closed):
            return
        try:
            self._connection = psycopg.connect(self._conninfo, autocommit=True)
        except psycopg.OperationalError:
            return  # the next look will fail and be noted
        self._calls = QueueCalls(self._connection, self._worker_role)

    def _children(self) -> ResourceSample:
        seen = self.workers
        memory = memory_of(seen.unreaped)
        return ResourceSample(
            t_ns=time.monotonic_ns(),
            subject="children",
            rss_bytes=memory.rss_bytes,
            processes=memory.processes,
            open_executions=seen.open_executions,
            capacity=self._capacity,
        )

    def _parent(self) -> ResourceSample:
        return ResourceSample(
            t_ns=time.monotonic_ns(), subject="parent", rss_bytes=_rss(psutil.Process())
        )

    def _postgres(self, pid: int) -> list[HistoryRecord]:
        try:
            postmaster = psutil.Process(pid)
            processes = [postmaster, *postmaster.children(recursive=True)]
        except psutil.NoSuchProcess:
            processes = []
        t_ns = time.monotonic_ns()
        notes: list[HistoryRecord] = []
        calls = None
        try:
            if not self._absence.on or self._absence.through is not None:
                calls = self._calls.read()
        except psycopg.Error as error:
            self._reconnect()
            if not self._absence.on:
                notes.append(Note(t_ns=t_ns, code="queue_unreadable", message=str(error)))
        sample = ResourceSample(
            t_ns=t_ns,
            subject="postgres",
            rss_bytes=sum(map(_rss, processes)),
            processes=len(processes),
            calls=calls,
        )
        return [sample, *notes]


def _blind(from_ns: int, to_ns: int) -> Note:
    return Note(
        t_ns=to_ns,
        code="blind",
        message=f"the server was away: nobody saw the queue for {(to_ns - from_ns) / 1e9:.1f} s",
        detail={"from_ns": from_ns, "to_ns": to_ns},
    )


def _rss(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
