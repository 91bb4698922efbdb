"""Does what a run rests on still stand? Looked at in every turn of the supervisor's loop."""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg

from orchestrator.errors import CrashbenchError, DatabaseLostError, InternalError, Interrupted
from orchestrator.history.recorder import Recorder
from orchestrator.load.producer_group import Source
from orchestrator.load.provider import ProviderProcess
from orchestrator.observe.absence import ServerAbsence
from orchestrator.observe.bystander import Bystander
from orchestrator.observe.sampler import Sampler
from orchestrator.processes import linux
from worker_child.protocol import Note

_STALL_NS = 300_000_000
_NS_PER_S = 1_000_000_000


class Watchdog:
    """Watches the user's wish, the server (where it is ours, and no fault keeps it away), the
    provider and our own threads."""

    def __init__(
        self,
        recorder: Recorder,
        sampler: Sampler,
        provider: ProviderProcess | None,
        *,
        postmaster_pid: Callable[[], int | None],
        absence: ServerAbsence,
        interrupted: Callable[[], bool],
        bystander: Bystander | None = None,
    ) -> None:
        self._recorder = recorder
        self._sampler = sampler
        self._provider = provider
        self._postmaster_pid = postmaster_pid
        self._absence = absence
        self._interrupted = interrupted
        self._bystander = bystander
        self._turn_ns = 0

    def check(self, producer: Source | None) -> None:
        """Raises what ends the run: `Interrupted`, a `CrashbenchError`, psycopg.Error of a thread.

        `producer` None = there is none yet.
        """
        if self._interrupted():
            raise Interrupted
        pid = None if self._absence.on else self._postmaster_pid()
        if pid is not None:
            postmaster = linux.read(pid)
            if postmaster is None or not postmaster.alive:
                raise DatabaseLostError("the run's PostgreSQL server is gone: killed, or crashed")
        if self._provider is not None:
            self._recorder.record_all([*self._provider.stalls()])
        for part in (self._sampler, producer, self._provider, self._bystander):
            error = part.error if part is not None else None
            if isinstance(error, (CrashbenchError, psycopg.Error)):
                raise error
            if error is not None:
                raise InternalError(f"a thread of the parent failed: {error!r}") from error

    def rest(self) -> None:
        """Nothing is due before the next turn, however late that is."""
        self._turn_ns = 0

    def begin_turn(self) -> None:
        """Note a turn that took far too long: whatever it should have done meanwhile came late."""
        now_ns = time.monotonic_ns()
        stalled_ns = now_ns - self._turn_ns
        if self._turn_ns and stalled_ns > _STALL_NS:
            self._recorder.record(
                Note(
                    t_ns=now_ns,
                    code="parent_stalled",
                    message=f"the harness itself was held up for {stalled_ns / _NS_PER_S:.1f} s",
                    detail={"stalled_s": round(stalled_ns / _NS_PER_S, 3)},
                )
            )
        self._turn_ns = now_ns
