"""Looks once a second at the queue, the memory and the clocks, and writes down what it saw."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

import psutil
import psycopg
from psycopg.conninfo import make_conninfo

from orchestrator.history.recorder import Recorder
from orchestrator.history.records import HistoryRecord, QueueSnapshot, ResourceSample
from orchestrator.observe.probe import parent_session_name
from orchestrator.observe.queue_calls import QueueCalls, role_of_its_own
from orchestrator.workers.child import ChildHandle, memory_of
from worker_child.adapters.contract import Adapter
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
    ours.
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
        postgres_pid: int | None,
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
        if self._postgres_pid is not None:
            records += self._postgres(self._postgres_pid)
        records.append(self._queue())
        self._recorder.record_all(records)

    def _queue(self) -> HistoryRecord:
        t_ns = time.monotonic_ns()
        try:
            counts = self._adapter.counts(self._connection)
        except psycopg.Error as error:
            self._reconnect()
            return Note(t_ns=t_ns, code="queue_unreadable", message=str(error))
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
        if not self._connection.broken:
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
        try:
            calls = self._calls.read()
        except psycopg.Error as error:
            self._reconnect()
            calls = None
            notes.append(Note(t_ns=t_ns, code="queue_unreadable", message=str(error)))
        sample = ResourceSample(
            t_ns=t_ns,
            subject="postgres",
            rss_bytes=sum(map(_rss, processes)),
            processes=len(processes),
            calls=calls,
        )
        return [sample, *notes]


def _rss(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
