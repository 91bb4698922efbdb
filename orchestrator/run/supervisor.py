"""Carries a run out: load, faults, drain, stop, audit. The only one that acts.

A single loop in the main thread reads the children's pipes and looks at the clock; the producer and
the sampler have threads of their own. What is due comes from plans that are pure data.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

import psutil
import psycopg
from psycopg.conninfo import make_conninfo

from orchestrator.errors import (
    ChildFailedError,
    CrashbenchError,
    DatabaseLostError,
    HeldNotReachedError,
    OurBugError,
)
from orchestrator.faults.held import Held
from orchestrator.faults.injector import Campaign
from orchestrator.faults.plan import plan_kills
from orchestrator.history.recorder import Recorder
from orchestrator.history.records import ResourceSample, RunEnd
from orchestrator.load.closed_loop import closed_loop_of
from orchestrator.load.producer_group import Source, source_of
from orchestrator.load.provider import ProviderProcess
from orchestrator.observe.hiccup import HiccupMeter
from orchestrator.observe.probe import Probe, parent_session_name
from orchestrator.observe.sampler import Sampler, WorkersSeen
from orchestrator.processes import linux
from orchestrator.processes.janitor import Janitor
from orchestrator.run.drain import Drain
from orchestrator.run.final_read import final_records, sessions_that_remain
from orchestrator.run.run_plan import Interrupted, Orders, Phase, Status, worker_init
from orchestrator.workers.child import Spawner
from orchestrator.workers.fleet import Fleet
from orchestrator.workers.tracker import Tracker
from worker_child.adapters.contract import Enqueuer
from worker_child.protocol import Init, Note, session_name

_NS_PER_S = 1_000_000_000
_LEAD_NS = 100_000_000
"""From 'all are ready' to T = 0."""
_TICK_S = 0.05
_CERTIFYING_TICK_S = 0.005
_STALL_NS = 300_000_000
PRODUCER = "producer"
"""What the producer's session is called."""
_RESTARTS_LIMIT = 5
"""How often a worker that dies unasked is replaced."""
_OBSERVE_EVERY_NS = 200_000_000


class Supervisor:
    """One run. `run` is called once, in the main thread."""

    def __init__(
        self,
        orders: Orders,
        *,
        dsn: str,
        worker_dsn: str,
        postmaster_pid: int | None,
        recorder: Recorder,
        janitor: Janitor,
        spawner: Spawner,
        provider: ProviderProcess | None,
        observe: Callable[[Status], None],
        interrupted: Callable[[], bool],
    ) -> None:
        scenario = orders.scenario
        self._orders = orders
        self._limits = scenario.limits
        self._dsn = dsn
        self._worker_dsn = worker_dsn
        self._recorder = recorder
        self._provider = provider
        self._observe = observe
        self._postmaster_pid = postmaster_pid
        self._interrupted = interrupted
        self._closed_loop = closed_loop_of(scenario)
        self._tracker = Tracker(self._closed_loop.finished if self._closed_loop else None)
        self._hiccups = HiccupMeter()
        self._fleet = Fleet(
            spawner,
            self._init_for,
            orders.adapter.child_argv(),
            recorder,
            self._tracker,
            janitor,
            ready_s=self._limits.ready_s,
        )
        self._probe = Probe(
            dsn, orders.run_id, orders.adapter, orders.preset, timeout_s=self._limits.row_read_s
        )
        self._sampler = Sampler(
            dsn,
            orders.run_id,
            orders.adapter,
            recorder,
            worker_dsn=worker_dsn,
            workers=lambda: self._workers_seen,
            capacity=scenario.workers.slots * scenario.workers.concurrency,
            postgres_pid=postmaster_pid,
        )
        self._held = Held(
            orders.workload.held(),
            self._fleet,
            self._tracker,
            self._probe,
            claims_visible=orders.preset.claims_visible,
            acknowledges_in_transaction=orders.preset.acknowledges_in_transaction,
        )
        self._own_pids: frozenset[int] = frozenset()
        self._campaign = Campaign(
            plan_kills(
                scenario.faults,
                seed=scenario.seed,
                ordinal=orders.ordinal,
                periods_s=orders.preset.periods_s,
                first_repeat_s=scenario.workload.duration_s,
            ),
            scenario=scenario,
            rescue=orders.preset.rescue,
            fleet=self._fleet,
            tracker=self._tracker,
            probe=self._probe,
            sampler=self._sampler,
            recorder=recorder,
            held=self._held,
            own_pids=lambda: self._own_pids,
        )
        self._workers_seen = WorkersSeen()
        self._producer: Source | None = None
        self._phase = Phase.SETUP
        self._cut_ns: int | None = None
        self._held_jobs = 0
        self._observed_ns = 0
        self._turn_ns = 0
        self._settled: Drain | None = None
        self._waiting_for = ""
        self._restarts = 0

    def run(self) -> None:
        """Carry the run out and write its run_end, however it ends.

        Raises `Interrupted`, or a `CrashbenchError` when the world would not let the run go on.
        """
        drain = ""
        try:
            self._set_up()
            self._load()
            drain = self._drain()
            self._stop()
            self._audit()
        except Interrupted:
            self._end_early("interrupted", None)
            raise
        except CrashbenchError as error:
            self._end_early("failed", str(error))
            raise
        except psycopg.Error as error:
            lost = DatabaseLostError(
                f"the database failed while the run waited for {self._waiting_for}: {error}"
            )
            self._end_early("failed", str(lost))
            raise lost from error
        except Exception as error:
            self._end_early("failed", repr(error))
            raise OurBugError(f"the run failed by an error of the instrument: {error!r}") from error
        self._close()
        self._write_end("completed", drain, None)

    def _set_up(self) -> None:
        self._enter(Phase.SETUP)
        self._hiccups.start()
        self._fleet.watch(self._hiccups.fileno(), self._take_hiccups)
        self._sampler.start()
        self._own_pids = frozenset(process.pid for process in psutil.Process().children())
        slots = range(self._orders.scenario.workers.slots)
        for slot in slots:
            self._fleet.spawn(slot)
        while not all((slot, 0) in self._tracker.ready for slot in slots):
            self._step("every worker to become ready")
        workload, connect = self._orders.workload, self._connect_producer
        self._producer = source_of(workload, connect, self._recorder, self._closed_loop)

    def _load(self) -> None:
        assert self._producer is not None
        self._campaign.started_ns = time.monotonic_ns() + _LEAD_NS
        self._enter(Phase.LOAD, self._campaign.started_ns)
        self._producer.start(self._campaign.started_ns)
        if self._orders.scenario.workload.endless:
            while self._campaign.busy or self._campaign.settled_since_ns() is None:
                self._step(self._campaign.waiting_for())
            self._producer.stop()
        while self._producer.alive():
            self._step("the end of the stream")
        self._cut_ns = self._producer.ended_ns
        if self._held.jobs:
            self._hold(self._producer)
        drain = self._new_drain()
        while self._campaign.busy:
            if self._campaign.idle and drain.look() is None:
                self._campaign.drop_what_never_came()
            self._step(self._campaign.waiting_for())

    def _hold(self, producer: Source) -> None:
        self._wait_for(self._new_drain())
        self._enter(Phase.HOLD)
        self._settled = None
        producer.send(self._held.jobs)
        self._held_jobs = len(self._held.jobs)
        limit_ns = time.monotonic_ns() + round(self._limits.held_s * _NS_PER_S)
        while self._campaign.pending:
            if time.monotonic_ns() > limit_ns:
                raise HeldNotReachedError(
                    f"the {self._held_jobs} held jobs did not all reach their points within "
                    f"{self._limits.held_s:g} s (limits.held_s): {self._held.missing()}"
                )
            self._step("the held jobs to reach their points")

    def _drain(self) -> str:
        self._enter(Phase.DRAIN)
        return self._wait_for(self._new_drain())

    def _stop(self) -> None:
        self._enter(Phase.STOP)
        for child in self._fleet.living():
            child.stop()
        limit_ns = round(self._limits.stop_s * _NS_PER_S)
        give_up_ns = time.monotonic_ns() + limit_ns
        while self._fleet.unburied():
            if time.monotonic_ns() > give_up_ns:
                self._kill_the_stubborn()
                self._fleet.abandon_held_pipes()
                give_up_ns += limit_ns
            self._step("the workers to stop", watch_world=False)

    def _audit(self) -> None:
        assert self._producer is not None
        self._enter(Phase.AUDIT)
        self._producer.close()
        run_id = self._orders.run_id
        names = [parent_session_name(run_id, PRODUCER)]
        names += [session_name(run_id, *incarnation) for incarnation in self._fleet.children]
        remaining = sessions_that_remain(self._probe, names, limit_s=self._limits.sessions_gone_s)
        self._recorder.record_all(
            final_records(
                self._probe, self._producer, self._tracker, self._orders.workload, remaining
            )
        )

    # What the phases are made of

    def _step(self, waiting_for: str, *, watch_world: bool = True) -> None:
        """One turn of the loop: read, reap, let the faults advance, show."""
        self._waiting_for = waiting_for
        self._note_stall()
        self._fleet.wait(self._time_to_next(), prompt=self._something_rests_on_events())
        self._workers_seen = WorkersSeen(
            frozenset(self._fleet.process_groups()), self._fleet.open_in_living()
        )
        if watch_world:
            self._check_world()
            self._replace_the_fallen()
            self._campaign.advance()
        now_ns = time.monotonic_ns()
        if now_ns - self._observed_ns > _OBSERVE_EVERY_NS:
            self._observed_ns = now_ns
            self._observe(self._status(now_ns))

    def _note_stall(self) -> None:
        """A turn that took far too long: whatever it should have done meanwhile came late."""
        now_ns = time.monotonic_ns()
        stalled_ns = now_ns - self._turn_ns
        if self._turn_ns and stalled_ns > _STALL_NS:
            self._recorder.record(
                Note(
                    t_ns=now_ns,
                    code="parent_stalled",
                    message=f"a turn of the parent's loop took {stalled_ns / _NS_PER_S:.1f} s",
                    detail={"stalled_s": round(stalled_ns / _NS_PER_S, 3)},
                )
            )
        self._turn_ns = now_ns

    def _time_to_next(self) -> float:
        if self._campaign.certifying:
            return _CERTIFYING_TICK_S
        due_ns = self._campaign.next_due_ns()
        if due_ns is None:
            return _TICK_S
        return min(_TICK_S, (due_ns - time.monotonic_ns()) / _NS_PER_S)

    def _something_rests_on_events(self) -> bool:
        """A certificate, a kill that waits for a state, or the next job of a closed loop."""
        pending = self._campaign.pending
        by_state = bool(pending) and pending[0].trigger != "timed"
        return by_state or self._campaign.certifying or self._closed_loop is not None

    def _check_world(self) -> None:
        if self._interrupted():
            raise Interrupted
        if self._postmaster_pid is not None:
            postmaster = linux.read(self._postmaster_pid)
            if postmaster is None or not postmaster.alive:
                raise DatabaseLostError("the run's PostgreSQL server is gone: killed, or crashed")
        if self._provider is not None:
            self._recorder.record_all([*self._provider.stalls()])
        for part in (self._sampler, self._producer, self._provider):
            error = part.error if part is not None else None
            if isinstance(error, (CrashbenchError, psycopg.Error)):
                raise error
            if error is not None:
                raise OurBugError(f"a thread of the parent failed: {error!r}") from error

    def _replace_the_fallen(self) -> None:
        while self._fleet.died:
            child = self._fleet.died.pop()
            self._note("worker_died", f"worker {child.slot}:{child.incarnation} died unasked")
            self._restarts += 1
            if self._restarts > _RESTARTS_LIMIT:
                raise ChildFailedError(
                    f"workers died unasked more than {_RESTARTS_LIMIT} times. The last one said:\n"
                    + child.stderr_tail()
                )
            self._fleet.spawn(child.slot)

    def _kill_the_stubborn(self) -> None:
        for child in self._fleet.living():
            self._note(
                "stop_ignored",
                f"worker {child.slot}:{child.incarnation} did not stop within "
                f"{self._limits.stop_s:g} s (limits.stop_s)",
            )
            self._fleet.kill(child, None)

    def _new_drain(self) -> Drain:
        return Drain(
            probe=self._probe,
            fleet=self._fleet,
            harms=lambda: [*self._campaign.harms(), *self._fleet.deaths()],
            rescue=self._orders.preset.rescue,
            limits=self._limits,
            longest_length_s=self._orders.longest_length_s,
        )

    def _wait_for(self, drain: Drain) -> str:
        self._settled = drain
        while (waiting_for := drain.look()) is not None:
            self._step(waiting_for)
        return drain.ended_by

    def _take_hiccups(self) -> None:
        self._recorder.record_all(
            [
                ResourceSample(
                    t_ns=report.t_ns,
                    subject="hiccup",
                    ticks=report.ticks,
                    ticks_over_50_ms=report.ticks_over_50_ms,
                    max_us=report.max_us,
                )
                for report in self._hiccups.read()
            ]
        )

    def _enter(self, phase: Phase, t_ns: int | None = None) -> None:
        self._phase = phase
        at_ns = time.monotonic_ns() if t_ns is None else t_ns
        self._recorder.record(Note(t_ns=at_ns, code="phase", detail={"phase": phase.value}))

    def _note(self, code: str, message: str) -> None:
        self._recorder.record(Note(t_ns=time.monotonic_ns(), code=code, message=message))

    # The end

    def _end_early(self, ended: Literal["interrupted", "failed"], error: str | None) -> None:
        """Stop everything, keep what is known; what fails on the way is our caller's error."""
        if self._producer is not None:
            self._producer.stop()
        try:
            for child in self._fleet.living():
                self._fleet.kill(child, None)
            limit_ns = time.monotonic_ns() + round(self._limits.stop_s * _NS_PER_S)
            while self._fleet.unburied() and time.monotonic_ns() < limit_ns:
                self._fleet.wait(_TICK_S)
        finally:
            self._close()
            self._write_end(ended, f"not reached: {self._waiting_for}", error)

    def _close(self) -> None:
        if self._producer is not None:
            self._producer.join(self._limits.stop_s)
            self._producer.close()
        self._sampler.stop()
        self._hiccups.stop()
        self._fleet.close()
        self._probe.close()

    def _write_end(
        self, ended: Literal["completed", "interrupted", "failed"], drain: str, error: str | None
    ) -> None:
        producer = self._producer
        self._recorder.anchor()
        self._recorder.record(
            RunEnd(
                t_ns=time.monotonic_ns(),
                ended=ended,
                drain=drain,
                stream_jobs=producer.stream_jobs if producer else 0,
                held_jobs=self._held_jobs,
                started_ns=self._campaign.started_ns,
                cut_ns=self._cut_ns,
                error=error,
                max_lateness_us=producer.max_lateness_ns // 1000 if producer else None,
                bytes_written=self._recorder.bytes_written,
            )
        )

    def _status(self, now_ns: int) -> Status:
        started_ns = self._campaign.started_ns
        accepted = self._producer.accepted if self._producer else 0
        return Status(
            phase=self._phase,
            elapsed_s=max(0.0, (now_ns - started_ns) / _NS_PER_S) if started_ns else 0.0,
            enqueued=accepted + len(self._tracker.fanned_out),
            completed=self._tracker.completed,
            in_flight=self._sampler.in_flight if self._settled is None else self._settled.in_flight,
            kills=len(self._campaign.kills),
            duplicates=self._tracker.duplicates,
            waiting_for=self._waiting_for,
        )

    def _init_for(self, slot: int, incarnation: int) -> Init:
        anchor = self._recorder.clock_anchor
        return worker_init(self._orders, self._worker_dsn, anchor, slot, incarnation)

    def _connect_producer(self) -> Enqueuer:
        name = parent_session_name(self._orders.run_id, PRODUCER)
        dsn = make_conninfo(self._dsn, application_name=name)
        keyed = self._orders.scenario.workload.dedup is not None
        return self._orders.adapter.enqueuer(dsn, self._orders.preset, keyed=keyed)
