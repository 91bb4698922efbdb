"""Carries out one kill and collects its certificate, step by step.

No step waits for anything but one bounded look at the database (`limits.row_read_s`).

Order: sessions seen, signal, reap, pipe to its end, nobody of its process group left, sessions
gone, row read. The respawn comes at its own time and waits for none of this.
"""

from __future__ import annotations

import os
import time
from enum import Enum

import psutil

from orchestrator.faults.plan import PlannedKill
from orchestrator.history.records import FaultEnded, FaultInjected, Session
from orchestrator.observe.parts import RunParts
from orchestrator.observe.probe import Reading
from orchestrator.workers.child import ChildHandle

_NS_PER_S = 1_000_000_000
_ZOMBIE = frozenset({psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD})


class Stage(Enum):
    """What a kill is waiting for."""

    REAPED = "the exit status"
    EOF = "the end of its pipe"
    ALONE = "the end of its process group"
    SESSIONS_GONE = "the end of its sessions"
    DONE = "nothing"


class Kill:
    """One kill that has been sent. `step` is called until `stage` is DONE."""

    def __init__(
        self,
        plan: PlannedKill,
        child: ChildHandle,
        parts: RunParts,
        *,
        own_pids: frozenset[int],
        limit_s: float,
    ) -> None:
        self.plan = plan
        self.child = child
        self.stage = Stage.REAPED
        self.reading: Reading | None = None
        self.respawned: ChildHandle | None = None
        self.orphans: set[str] = set()
        """The jobs whose rows the victim held."""
        self._fleet = parts.fleet
        self._probe = parts.probe
        self._recorder = parts.recorder
        self._tracker = parts.tracker
        self._own_pids = own_pids
        self._limit_ns = round(limit_s * _NS_PER_S)
        self._survivors: list[int] = []
        self._sessions_left: list[Session] = []
        self._sessions_gone_ns: int | None = None
        self.sent_ns = 0

    def send(self, intended_ns: int) -> None:
        """See the victim's sessions, wait for the instant (milliseconds away), kill, write it down.

        Raises psycopg.Error when the sessions cannot be seen.
        """
        sessions = self._probe.sessions([self.child.init.application_name])
        strangers = self._probe.strangers()
        ready_ns = self._tracker.ready[self.child.slot, self.child.incarnation].t_ns
        while (left_ns := intended_ns - time.monotonic_ns()) > 0:
            time.sleep(left_ns / _NS_PER_S)
        self.sent_ns = self._fleet.kill(self.child, self.plan.fault)
        self._recorder.record(
            FaultInjected(
                t_ns=self.sent_ns,
                fault=self.plan.fault,
                slot=self.child.slot,
                incarnation=self.child.incarnation,
                pid=self.child.pid,
                what="sigkill",
                trigger=self.plan.trigger,
                biased=self.plan.biased,
                intended_ns=intended_ns,
                sessions=sessions,
                strangers=strangers,
                phases_s={
                    phase.name: round((intended_ns - ready_ns) % phase.period_ns / _NS_PER_S, 6)
                    for phase in self.plan.phases
                },
            )
        )

    def respawn_due_ns(self) -> int | None:
        """When the slot is to be filled again; None once it is, or when it stays empty."""
        if self.respawned is not None or self.plan.respawn_after_ns is None:
            return None
        return self.sent_ns + self.plan.respawn_after_ns

    def step(self) -> None:
        """Look at what the certificate still lacks; at the limit, write what was seen."""
        overdue = time.monotonic_ns() - self.sent_ns > self._limit_ns
        if self.stage is Stage.REAPED and (self.child.exit is not None or overdue):
            self.stage = Stage.EOF
        if self.stage is Stage.EOF and (self.child.eof_ns is not None or overdue):
            self.stage = Stage.ALONE
        if self.stage is Stage.ALONE:
            self._survivors = survivors(self.child.pid, self._own_pids | self._child_pids())
            if not self._survivors or overdue:
                self.stage = Stage.SESSIONS_GONE
        if self.stage is Stage.SESSIONS_GONE:
            self._sessions_left = self._probe.sessions([self.child.init.application_name])
            if not self._sessions_left:
                self._sessions_gone_ns = time.monotonic_ns()
            if not self._sessions_left or overdue:
                self._finish()

    def _finish(self) -> None:
        key = self.child.slot, self.child.incarnation
        open_ = list(self._tracker.open[key].values())
        raced = bool(self._fleet.living())
        self.reading = self._probe.read(
            "kill",
            self._tracker.job_of_inbox_id,
            fault=self.plan.fault,
            inbox_ids=[event.inbox_id for event in open_ if event.inbox_id is not None],
            jobs=[event.job_id for event in open_],
        )
        ready = self._tracker.ready.get(key)
        if ready is not None:
            self.orphans = self.reading.claimed_by({ready.identity})
        exit_ = self.child.exit
        self._recorder.record_all(
            [
                *self.reading.lines,
                FaultEnded(
                    t_ns=time.monotonic_ns(),
                    fault=self.plan.fault,
                    slot=self.child.slot,
                    incarnation=self.child.incarnation,
                    pid=self.child.pid,
                    reaped_ns=exit_.reaped_ns if exit_ else None,
                    signal=exit_.signal if exit_ else None,
                    exit_code=exit_.exit_code if exit_ else None,
                    survivors=self._survivors,
                    eof_ns=self.child.eof_ns,
                    sessions_gone_ns=self._sessions_gone_ns,
                    sessions_left=self._sessions_left,
                    rows_read_ns=None if self.reading.error else self.reading.t_ns,
                    raced=raced,
                ),
            ]
        )
        self.stage = Stage.DONE

    def _child_pids(self) -> frozenset[int]:
        return frozenset(child.pid for child in self._fleet.children.values())


def survivors(group: int, own_pids: frozenset[int]) -> list[int]:
    """Living processes of a killed group, and living orphans of it that fled into other groups.

    The parent is a subreaper (prctl(2), PR_SET_CHILD_SUBREAPER): whoever loses its own parent
    becomes our child, so a child of ours that we did not start came from a victim. Zombies among
    them are reaped here.
    """
    found: set[int] = set()
    for process in psutil.Process().children(recursive=False):
        if process.pid in own_pids:
            continue
        if _status(process) in _ZOMBIE:
            _reap(process.pid)
        else:
            found.add(process.pid)
    for process in psutil.process_iter():
        if _in_group(process.pid, group) and _status(process) not in _ZOMBIE:
            found.add(process.pid)
    return sorted(found)


def _status(process: psutil.Process) -> str:
    try:
        return str(process.status())
    except psutil.NoSuchProcess:
        return str(psutil.STATUS_DEAD)


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        # Somebody else has just reaped it: it is gone, which is what is wanted.
        return


def _in_group(pid: int, group: int) -> bool:
    try:
        return os.getpgid(pid) == group
    except (ProcessLookupError, PermissionError):
        return False
