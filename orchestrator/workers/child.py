"""A worker child as the parent holds it: feed, read, pause, kill, reap.

Nothing outside this module and `spawner` knows that a child is a local process.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO, Protocol

import msgspec

from orchestrator.processes import linux
from orchestrator.processes.linux import Process
from orchestrator.workers.event_reader import EventReader
from worker_child.protocol import Command, Init

_READ_BYTES = 1 << 18
_TAIL_BYTES = 4000

RUN_VARIABLE = "CRASHBENCH_RUN"
"""Stands in the environment of every process of a run, so that none can hide from the clean-up: in
a worker's as ``RUN:SLOT:INCARNATION``, in that of whatever else the parent starts as ``RUN``."""


class State(Enum):
    """Where a child stands. `MOVES` holds every transition there is."""

    SPAWNED = "spawned"
    READY = "ready"
    STOPPING = "stopping"
    KILLED = "killed"
    GONE = "gone"


MOVES: dict[State, frozenset[State]] = {
    State.SPAWNED: frozenset({State.READY, State.STOPPING, State.KILLED, State.GONE}),
    State.READY: frozenset({State.STOPPING, State.KILLED, State.GONE}),
    State.STOPPING: frozenset({State.KILLED, State.GONE}),
    State.KILLED: frozenset({State.GONE}),
    State.GONE: frozenset(),
}


@dataclass(frozen=True)
class Exit:
    """How a child ended."""

    reaped_ns: int
    exit_code: int | None
    signal: int | None
    max_rss_bytes: int


@dataclass(frozen=True)
class Memory:
    """What some children and their descendants hold."""

    rss_bytes: int
    processes: int


class Started(Protocol):
    """A process that is a child of ours; `stdin` None = it is closed."""

    pid: int
    stdin: IO[bytes] | None
    returncode: int | None


class ChildHandle:
    """One incarnation. Created by `Spawner.spawn`, which must run in the parent's main thread.

    PR_SET_PDEATHSIG follows the thread that started the child, not the process. `mark` stands in
    its environment (`RUN_VARIABLE`) and in no other child's.
    """

    def __init__(
        self,
        init: Init,
        process: Started,
        pipe: int,
        stderr_path: Path,
        *,
        mark: str,
        strays: Strays,
    ) -> None:
        self.init = init
        self.slot = init.slot
        self.incarnation = init.incarnation
        self.pid = process.pid
        self.state = State.SPAWNED
        self.spawned_ns = time.monotonic_ns()
        self.killed_ns: int | None = None
        """When it was first sent SIGKILL."""
        self.paused_ns: int | None = None
        """Since when it is stopped by SIGSTOP; None = it is not."""
        self.resumed_ns: int | None = None
        """When it was last sent SIGCONT."""
        self._paused_before_ns = 0
        self.exit: Exit | None = None
        self.eof_ns: int | None = None
        self.pipe_abandoned = False
        """Its pipe was closed unread: somebody who fled still holds the other end."""
        self.reader = EventReader(init.run_id, init.slot, init.incarnation)
        self.exit_descriptor = os.pidfd_open(process.pid)
        """Readable once it has ended (pidfd_open(2)); closed when it is reaped."""
        self._process = process
        self._pipe = pipe
        # os.read() takes memory for the largest answer: under load, thousands of faults a second.
        self._gulp = memoryview(bytearray(_READ_BYTES))
        self._stderr_path = stderr_path
        self._mark = f"{RUN_VARIABLE}={mark}"
        self._strays = strays
        strays.know(self.pid)
        started = linux.read(self.pid)
        assert started is not None, "a child that has not been reaped stands in the table"
        self._started_ticks = started.started_ticks

    def fileno(self) -> int:
        """The reading end of the event pipe, for a selector."""
        return self._pipe

    def orders_fileno(self) -> int:
        """The writing end of its stdin."""
        assert self._process.stdin is not None
        return self._process.stdin.fileno()

    def move(self, to: State) -> None:
        """Change the state. A transition outside `MOVES` is our own bug."""
        assert to in MOVES[self.state], f"{self.state} -> {to}"
        self.state = to

    def read(self) -> bytes:
        """Read what is there, in one large gulp; at the end of the pipe, close it.

        Nothing comes back when there is nothing yet, and at the end (`eof_ns`).
        """
        try:
            size = os.readv(self._pipe, [self._gulp])
        except BlockingIOError:
            return b""
        if not size:
            self.eof_ns = time.monotonic_ns()
            os.close(self._pipe)
        return bytes(self._gulp[:size])

    def stop(self) -> None:
        """Ask the child to claim nothing more, finish what is open and leave."""
        self.move(State.STOPPING)
        self.send(msgspec.json.encode(Command("stop")) + b"\n")

    def terminate(self) -> int:
        """SIGTERM to its first process alone; return the instant stamped just before."""
        if self.state is not State.STOPPING:
            self.move(State.STOPPING)
        sent_ns = time.monotonic_ns()
        if self.exit is None:
            os.kill(self.pid, signal.SIGTERM)
        return sent_ns

    def let_die(self) -> int:
        """Tell it to kill its own process group; return the instant stamped just before."""
        self.move(State.KILLED)
        self.killed_ns = told_ns = time.monotonic_ns()
        self.send(msgspec.json.encode(Command("die")) + b"\n")
        return told_ns

    def kill(self) -> int:
        """SIGKILL the whole process group; return the instant stamped just before."""
        if self.state is not State.KILLED:
            self.move(State.KILLED)
        kill_sent_ns = time.monotonic_ns()
        if self.killed_ns is None:
            self.killed_ns = kill_sent_ns
        self._signal_group(signal.SIGKILL)
        return kill_sent_ns

    def kill_leader(self) -> int:
        """SIGKILL its first process alone; return the instant stamped just before."""
        self.move(State.KILLED)
        kill_sent_ns = self.killed_ns = time.monotonic_ns()
        if self.exit is None:
            os.kill(self.pid, signal.SIGKILL)
        return kill_sent_ns

    def pause(self) -> int:
        """SIGSTOP the whole process group; return the instant stamped just before."""
        paused_ns = self.paused_ns = time.monotonic_ns()
        self._signal_group(signal.SIGSTOP)
        return paused_ns

    def resume(self) -> int:
        """SIGCONT to the whole process group; return the instant stamped just before."""
        resumed_ns = self.resumed_ns = time.monotonic_ns()
        self._signal_group(signal.SIGCONT)
        if self.paused_ns is not None:
            self._paused_before_ns += resumed_ns - self.paused_ns
        self.paused_ns = None
        return resumed_ns

    def awake_ns(self) -> int:
        """For how long it has had a chance to do something: since its spawn, pauses apart."""
        until_ns = time.monotonic_ns() if self.paused_ns is None else self.paused_ns
        return until_ns - self.spawned_ns - self._paused_before_ns

    def survivors(self) -> list[int]:
        """Living processes that are its own, itself included.

        They are in its process group or session; or bear its mark, wherever they have fled; or are
        children of the parent that nobody vouches for (`Strays`). Zombies do not count.
        """
        mine = [process for process in linux.living() if self._is_mine(process)]
        for process in mine:
            if process.pid != self.pid:
                self._strays.remember(process)
        return sorted({*(process.pid for process in mine), *self._strays.living(self.pid)})

    def _is_mine(self, process: Process) -> bool:
        if process.started_ticks < self._started_ticks:
            return False  # it is older: its environment need not be read
        in_its_group = self.pid in (process.group, process.session)
        return in_its_group or linux.is_marked(process.pid, self._mark)

    def reap(self) -> Exit | None:
        """Collect the exit status if the child has ended; never waits."""
        if self.exit is None:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self._note_exit(status, usage.ru_maxrss * 1024)
        return self.exit

    def gone(self) -> bool:
        """Whether it is reaped and its pipe read to the end; the two are told apart nowhere."""
        return self.exit is not None and (self.eof_ns is not None or self.pipe_abandoned)

    def abandon_pipe(self) -> None:
        """Close the pipe without having seen its end: `eof_ns` stays None for all to see."""
        assert self.eof_ns is None
        os.close(self._pipe)
        self.pipe_abandoned = True

    def stderr_tail(self) -> str:
        """The last lines that it wrote to stderr."""
        with self._stderr_path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            return file.read().decode("utf-8", "backslashreplace").strip()

    def end_orders(self) -> None:
        """Close its stdin: to the child this says that its parent is gone."""
        if self._process.stdin is not None:
            try:
                self._process.stdin.close()
            except BrokenPipeError:
                # It died with orders unread: its exit status says how.
                self._process.stdin = None

    def close(self) -> None:
        """Let go of the descriptors."""
        self.end_orders()
        if self.eof_ns is None and not self.pipe_abandoned:
            self.abandon_pipe()
        if self.exit is None:
            os.close(self.exit_descriptor)

    def _signal_group(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            # It has just ended by itself; the exit status will say so, and the certificate fail.
            return

    def _note_exit(self, status: int, max_rss_bytes: int) -> None:
        code = os.waitstatus_to_exitcode(status)
        self._process.returncode = code
        os.close(self.exit_descriptor)
        self.exit = Exit(
            reaped_ns=time.monotonic_ns(),
            exit_code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            max_rss_bytes=max_rss_bytes,
        )

    def send(self, line: bytes) -> None:
        """Put a line, its end included, into its stdin; one that has just died never reads it."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except BrokenPipeError:
            # It has just died by itself; the reaping will say so.
            return


def memory_of(children: Iterable[ChildHandle]) -> Memory:
    """Resident memory of the children's process groups, all looked up at one glance."""
    groups = {child.pid for child in children}
    if not groups:
        return Memory(0, 0)
    members = [process.pid for process in linux.living() if process.group in groups]
    return Memory(sum(map(linux.rss_bytes, members)), len(members))


class Strays:
    """Children of the parent that neither the parent nor a worker's mark vouches for.

    The parent is a subreaper (prctl(2), PR_SET_CHILD_SUBREAPER): whoever loses its own parent
    becomes its child. Whoever bears the run's mark is known by it, a worker's descendant as well as
    the parent's own enqueuers and stubs (`marked_environment`). A child that bears none, and was
    not there before the first worker, has come from a worker and has cleared its environment.
    """

    def __init__(self, mark: str) -> None:
        self._mark = f"{RUN_VARIABLE}={mark}"
        self._known = {child.pid for child in linux.children_of(os.getpid())}
        self._seen: set[tuple[int, int]] = set()
        """(pid, started_ticks) of each that is remembered."""

    def know(self, pid: int) -> None:
        """A worker of the parent's own: its handle looks after it."""
        self._known.add(pid)

    def remember(self, process: Process) -> None:
        """A worker's descendant that lives: should it end as the parent's child, nobody but us is
        to collect its exit status."""
        self._seen.add((process.pid, process.started_ticks))

    def living(self, leader_pid: int) -> list[int]:
        """Those that live, in order. Descendants of workers that have ended as children of the
        parent are reaped: those that were remembered, and those of the session of `leader_pid`."""
        found = []
        for child in linux.children_of(os.getpid()):
            if child.pid in self._known:
                continue
            if child.alive and not linux.is_marked(child.pid, self._mark):
                found.append(child.pid)
                self.remember(child)
            elif not child.alive and (
                leader_pid in (child.group, child.session)
                or (child.pid, child.started_ticks) in self._seen
            ):
                _collect(child.pid)
        return sorted(found)


def _collect(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        # Somebody else has just reaped it: it is gone, which is what is wanted.
        return


@contextmanager
def marked_environment(mark: str) -> Iterator[None]:
    """Meanwhile whatever the parent starts bears the run's mark, and is told by it from what
    workers leave behind."""
    os.environ[RUN_VARIABLE] = mark
    try:
        yield
    finally:
        del os.environ[RUN_VARIABLE]
