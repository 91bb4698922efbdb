"""Producers that are processes: each reaches the database through a proxy of its own, and can be
stopped, and killed, at the request that makes a batch the queue's own."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import ProxyClosedError
from orchestrator.proxy.points import RoundTrip, Side
from orchestrator.proxy.proxy import Facts, Proxy
from orchestrator.scenario.faults import KillDuringEnqueue
from worker_child.adapters.contract import EnqueueResult, OutgoingJob
from worker_child.adapters.enqueuer_process import EnqueuerLostError, ProcessEnqueuer

OpenProcess = Callable[[str], ProcessEnqueuer]
"""Starts one that reaches the database by this conninfo."""


@dataclass(frozen=True)
class Batch:
    """Jobs that a producer has been handed and has not answered."""

    jobs: tuple[str, ...]
    handed_ns: int


@dataclass(frozen=True)
class Stop:
    """Where a producer was stopped, and for which fault."""

    entry: KillDuringEnqueue
    batch: Batch
    round_trip: RoundTrip
    side: Side


class CommitSeeker:
    """Which round trip makes what went before it the server's own: the one that ends a
    transaction, or is one by itself. Pure but for what it remembers."""

    def __init__(self) -> None:
        self._open: set[int] = set()
        """Connections with an open transaction."""
        self._committing: set[tuple[int, int]] = set()
        """The places of requests that commit and have not been answered."""

    def commits(self, round_trip: RoundTrip, side: Side) -> bool:
        """To be asked of every round trip, at both of its sides."""
        place = round_trip.connection, round_trip.number
        if side == "after":
            was_to = place in self._committing
            self._committing.discard(place)
            return was_to and bool(round_trip.rows)
        if not round_trip.executes:
            return False
        commits = self._follow(round_trip)
        if commits:
            self._committing.add(place)
        return commits

    def _follow(self, round_trip: RoundTrip) -> bool:
        commits = False
        for statement in round_trip.statement.split("; "):
            words = statement.upper().split()
            if words[:1] in (["BEGIN"], ["START"]):
                self._open.add(round_trip.connection)
            elif words[:1] in (["COMMIT"], ["END"]):
                self._open.discard(round_trip.connection)
                commits = True
            elif words[:1] in (["ROLLBACK"], ["ABORT"]) and "TO" not in words:
                self._open.discard(round_trip.connection)
            else:
                commits = commits or round_trip.connection not in self._open
        return commits


class ProducerProcess:
    """One of them. See `worker_child.adapters.contract.Enqueuer`.

    Raises what the start of its process raises, and `ProxyError`.
    """

    def __init__(
        self,
        open_process: OpenProcess,
        dsn: str,
        folder: Path,
        is_wanted: Callable[[Batch, Side], KillDuringEnqueue | None],
    ) -> None:
        self.stop: Stop | None = None
        """Where it was stopped; None = nowhere yet."""
        self.killed_ns: int | None = None
        self.looked: Facts | None = None
        """What its proxy knew once it had ended."""
        self._is_wanted = is_wanted
        self._seeker = CommitSeeker()
        self._batch: Batch | None = None
        with ExitStack() as stack:
            self.proxy = stack.enter_context(Proxy(dsn, folder))
            self.process = open_process(self.proxy.dsn(dsn))
            stack.callback(self.process.close)
            self.proxy.watch(self._decide)
            self._open = stack.pop_all()
        self.up_ns = time.monotonic_ns()
        """When it was ready for its first batch."""

    @property
    def is_stopped(self) -> bool:
        """Whether its connections are frozen in the middle of a batch."""
        return self.stop is not None and self.proxy.stopped.is_set()

    def enqueue(self, jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        """See `Enqueuer.enqueue`. Raises `EnqueuerLostError`, above all where it was killed."""
        self._batch = Batch(tuple(job.job_id for job in jobs), time.monotonic_ns())
        try:
            return self.process.enqueue(jobs)
        except EnqueuerLostError:
            # Before anybody closes what was frozen: afterwards there is nothing to be seen.
            self.looked = self.proxy.facts()
            raise
        finally:
            self._batch = None

    def backend_pids(self) -> tuple[int, ...]:
        """Its sessions, by the server's own word; none once it is closed."""
        try:
            return self.proxy.facts().backend_pids
        except ProxyClosedError:
            return ()  # its own thread has just closed it

    def kill(self) -> int:
        """SIGKILL its process group; returns the instant, stamped just before."""
        self.killed_ns = time.monotonic_ns()
        os.killpg(self.process.pid, signal.SIGKILL)
        return self.killed_ns

    def let_go(self) -> None:
        """Let everything flow again, where it was stopped and lives."""
        if self.is_stopped and self.process.reaped_ns is None:
            self.proxy.release()

    def close(self) -> None:
        """End the process and its proxy."""
        with self._open:
            self.let_go()

    def _decide(self, round_trip: RoundTrip, side: Side) -> bool:
        """In the proxy's thread; True = freeze here."""
        commits = self._seeker.commits(round_trip, side)
        batch = self._batch
        if not commits or batch is None:
            return False
        entry = self._is_wanted(batch, side)
        if entry is None:
            return False
        self.stop = Stop(entry, batch, round_trip, side)
        return True


class ProducerProcesses:
    """All producers of a run. `connect` may be called from any thread; the other methods are the
    supervisor's.

    `session_name` is that of their sessions; each has a folder of its own below `folder`.
    """

    def __init__(
        self, open_process: OpenProcess, dsn: str, folder: Path, *, session_name: str
    ) -> None:
        self.session_name = session_name
        self.started_ns: int | None = None
        """T = 0, once it is known."""
        self._open_process = open_process
        self._dsn = dsn
        self._folder = folder
        self._all: list[ProducerProcess] = []
        self._begun = 0
        self._lock = threading.Lock()
        self._wanted: KillDuringEnqueue | None = None

    def connect(self) -> ProducerProcess:
        """Start one. Raises as `ProducerProcess` does."""
        with self._lock:
            number, self._begun = self._begun, self._begun + 1
        made = ProducerProcess(
            self._open_process, self._dsn, self._folder / str(number), self._take
        )
        with self._lock:
            self._all.append(made)
        return made

    def stopped_for(self, entry: KillDuringEnqueue) -> ProducerProcess | None:
        """Who stands in the middle of a batch for it. From its instant on the first that comes to
        such a place is stopped there."""
        assert entry.at_s is not None, "its only trigger"
        due_ns = None if self.started_ns is None else self.started_ns + round(entry.at_s * 1e9)
        if due_ns is None or time.monotonic_ns() < due_ns:
            return None
        with self._lock:
            found = [one for one in self._all if one.stop is not None and one.stop.entry == entry]
            if not found and self._wanted is None:
                self._wanted = entry
        return next((one for one in found if one.is_stopped), None)

    def number(self, of: ProducerProcess) -> int:
        """Which it is of all that there have been, from 0."""
        with self._lock:
            return self._all.index(of)

    def up_after(self, killed_ns: int) -> int | None:
        """When the first one after an instant was ready; None = there has been none."""
        with self._lock:
            return min((one.up_ns for one in self._all if one.up_ns > killed_ns), default=None)

    def backend_pids(self) -> set[int]:
        """The sessions of those that live, by the server's own word."""
        with self._lock:
            living = [one for one in self._all if one.process.reaped_ns is None]
        return {pid for one in living for pid in one.backend_pids()}

    def _take(self, batch: Batch, side: Side) -> KillDuringEnqueue | None:
        with self._lock:
            wanted = self._wanted
            if wanted is None or wanted.side != side or len(batch.jobs) < wanted.batch:
                return None
            self._wanted = None
            return wanted
