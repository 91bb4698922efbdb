"""What is collected as the certificate of a fault, part by part.

No step waits for anything but one bounded look at the database (`limits.row_read_s`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

import msgspec

from orchestrator.faults.targets import Reach, Victim, Worker
from orchestrator.history.records import RowRead
from orchestrator.history.round_trips import Delivery, Freeze
from orchestrator.history.sessions import Session
from orchestrator.history.worker_faults import ProcessEnd, SessionsBefore
from orchestrator.workers.child import ChildHandle


@dataclass(frozen=True)
class Closed:
    """What a certificate comes to."""

    parts: msgspec.Struct
    """For `fault_ended`."""
    lines: list[RowRead] = field(default_factory=list)
    """The read of the rows, where there was one."""
    orphans: frozenset[str] = frozenset()
    """The jobs whose rows the victim held."""
    orphan_rows: frozenset[str] = frozenset()
    """The inbox ids of these rows."""
    raced: bool = False


class Certificate(Protocol):
    """The certificate of one fault, while it is being collected."""

    def before(self) -> msgspec.Struct:
        """What is to be seen just before the fault. Raises psycopg.Error."""
        ...

    def missing(self, *, overdue: bool) -> str | None:
        """What is still to be seen, for a person; None = nothing is. When it is overdue, what was
        not seen is left out. Raises psycopg.Error."""
        ...

    def close(self, fault: int) -> Closed:
        """All of it. Called once, when nothing is missing or it is overdue."""
        ...


class MakeCertificate(Protocol):
    """How a certificate is begun."""

    def __call__(self, reach: Reach, victim: Victim) -> Certificate:
        """Before the fault."""
        ...


def sessions_before(reach: Reach, victim: Worker) -> SessionsBefore:
    """A worker's sessions, those of nobody, and where it is held. Raises psycopg.Error."""
    return SessionsBefore(
        reach.probe.sessions([victim.child.init.application_name]),
        reach.probe.unknown_sessions(),
        ready=victim.place in reach.tracker.ready,
        at_point=reach.watch.seen if reach.watch is not None else None,
    )


SIDE_BY_SIDE_NS = 10_000_000
"""Who is killed within so much of another could not yet claim what that one held: no lease ends so
soon after its holder was alive, and no session is seen to be gone."""


class Stage(Enum):
    """What the certificate of a process's end waits for."""

    REAPED = "the exit status"
    EOF = "the end of its pipe"
    ALONE = "the end of its process group"
    DELIVERED = "the late delivery of the request"
    SESSIONS_GONE = "the end of its sessions"
    DONE = "nothing"


class EndOfAProcess:
    """A worker's process is gone with all that it had: reaped, its pipe read to the end, nobody of
    it left, its sessions gone; then the rows that it held are read. A request of its that is to be
    late is delivered before: until then that session is there. The respawn comes at its own time
    and waits for none of this.
    """

    def __init__(self, reach: Reach, victim: Victim) -> None:
        assert isinstance(victim, Worker), f"{victim} is no worker"
        self.stage = Stage.REAPED
        self._reach = reach
        self._victim = victim
        self._child = victim.child
        self._survivors: list[int] = []
        self._sessions_left: list[Session] = []
        self._sessions_gone_ns: int | None = None
        self._freeze: Freeze | None = None
        self._delivery: Delivery | None = None

    def before(self) -> SessionsBefore:
        """The victim's sessions, and those of nobody."""
        return sessions_before(self._reach, self._victim)

    def missing(self, *, overdue: bool) -> str | None:
        """The first step that has not been taken."""
        if self.stage is Stage.REAPED and (self._child.exit is not None or overdue):
            self.stage = Stage.EOF
        if self.stage is Stage.EOF and (self._child.eof_ns is not None or overdue):
            self.stage = Stage.ALONE
        if self.stage is Stage.ALONE:
            self._survivors = self._child.survivors()
            if not self._survivors or overdue:
                self._thaw()
                self.stage = Stage.DELIVERED
        if self.stage is Stage.DELIVERED and (self._is_delivered() or overdue):
            self.stage = Stage.SESSIONS_GONE
        if self.stage is Stage.SESSIONS_GONE:
            sessions = self._reach.probe.sessions([self._child.init.application_name])
            self._sessions_left = sessions
            if not sessions:
                self._sessions_gone_ns = time.monotonic_ns()
            if not sessions or overdue:
                self.stage = Stage.DONE
        return None if self.stage is Stage.DONE else f"{self.stage.value} of the killed worker"

    def _thaw(self) -> None:
        """Nobody is left who could say anything more: what was frozen is looked at and closed."""
        watch = self._reach.watch
        if watch is not None and watch.seen is not None:
            self._freeze = watch.drop()

    def _is_delivered(self) -> bool:
        """Whether there is no request that is on its way still."""
        watch = self._reach.watch
        late = None if watch is None else watch.late
        self._delivery = None if late is None else late.step()
        return late is None or self._delivery is not None

    def close(self, fault: int) -> Closed:
        """Read the rows, and say what was seen."""
        tracker = self._reach.tracker
        open_ = list(tracker.open[self._victim.place].values())
        raced = any(self._could_claim(child) for child in self._reach.fleet.children.values())
        reading = self._reach.probe.read(
            "kill",
            tracker.job_of_inbox_id,
            fault=fault,
            inbox_ids=[event.inbox_id for event in open_ if event.inbox_id is not None],
            jobs=[event.job_id for event in open_],
        )
        ready = tracker.ready.get(self._victim.place)
        exit_ = self._child.exit
        end = ProcessEnd(
            reaped_ns=exit_.reaped_ns if exit_ else None,
            signal=exit_.signal if exit_ else None,
            exit_code=exit_.exit_code if exit_ else None,
            survivors=self._survivors,
            eof_ns=self._child.eof_ns,
            sessions_gone_ns=self._sessions_gone_ns,
            sessions_left=self._sessions_left,
            rows_read_ns=None if reading.error else reading.t_ns,
            freeze=self._freeze,
            delivery=self._delivery,
        )
        held = reading.lines_claimed_by({ready.identity}) if ready else []
        return Closed(
            end,
            reading.lines,
            orphans=frozenset(str(line.job_id) for line in held),
            orphan_rows=frozenset(line.inbox_id for line in held if line.inbox_id is not None),
            raced=raced,
        )

    def _could_claim(self, other: ChildHandle) -> bool:
        """Whether another worker worked on after the victim had been killed. One that was killed
        side by side with it did not."""
        if other is self._child:
            return False
        if self._child.killed_ns is None:
            return True  # it was not killed at all, and its certificate fails
        ends = [other.killed_ns, other.exit.reaped_ns if other.exit else None]
        ended_ns = min((end for end in ends if end is not None), default=None)
        return ended_ns is None or ended_ns > self._child.killed_ns + SIDE_BY_SIDE_NS


class EndReadAtOnce:
    """The end of a process in a fault that goes on after it: what it left is read as soon as
    nothing of that end is missing, and kept until the certificate is closed."""

    def __init__(self, reach: Reach, victim: Victim) -> None:
        self._end = EndOfAProcess(reach, victim)
        self._closed: Closed | None = None

    def before(self) -> SessionsBefore:
        """The victim's sessions, and those of nobody."""
        return self._end.before()

    def missing(self, fault: int | None, *, overdue: bool) -> str | None:
        """The first step that has not been taken; `fault` None = it has not begun."""
        missing = self._end.missing(overdue=overdue)
        if missing is None and self._closed is None and fault is not None:
            self._closed = self._end.close(fault)
        return missing

    def close(self, fault: int) -> Closed:
        """What was seen then; now, where that was never complete."""
        return self._closed or self._end.close(fault)
