"""Carries a run out: load, faults, drain, stop, audit. The only one that acts.

A single loop in the main thread reads the children's pipes and looks at the clock; the producer and
the sampler have threads of their own. What is due comes from plans that are pure data.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

import psycopg

from orchestrator.errors import (
    CrashbenchError,
    DatabaseLostError,
    HeldNotReachedError,
    InternalError,
    Interrupted,
)
from orchestrator.faults.held import Held
from orchestrator.faults.injector import FaultInjector
from orchestrator.faults.plan import plan_faults
from orchestrator.faults.round_trips import RoundTripWatch
from orchestrator.faults.table import word_of
from orchestrator.history.records import RunEnd
from orchestrator.load.closed_loop import ClosedLoop
from orchestrator.load.producer import Producer
from orchestrator.load.producer_group import Source, source_of
from orchestrator.observe.hiccup import HiccupMeter
from orchestrator.observe.parts import RunParts
from orchestrator.observe.probe import PRODUCER, parent_session_name
from orchestrator.observe.sampler import WorkersSeen
from orchestrator.proxy.proxy import Proxy
from orchestrator.run.drain import LOOK_EVERY_NS, Drain
from orchestrator.run.final_read import final_records, sessions_that_remain
from orchestrator.run.replacements import Replacements
from orchestrator.run.run_plan import RunPlan
from orchestrator.run.status import Phase, Status
from orchestrator.run.watchdog import Watchdog
from orchestrator.run.waves import Turns, Waves
from orchestrator.scenario.faults import Stall
from worker_child.adapters.contract import Enqueuer
from worker_child.names import session_name
from worker_child.protocol import Note

_NS_PER_S = 1_000_000_000
_LEAD_NS = 100_000_000
"""From 'all are ready' to T = 0."""
_TICK_S = 0.05
_CERTIFYING_TICK_S = 0.005
_OBSERVE_EVERY_NS = 200_000_000
_LOOK_AT_WAVES_EVERY_NS = 20_000_000
"""How often it is asked whether a wave has settled: none of many is to cost a tenth of a second."""


class Supervisor:
    """One run. `run` is called once, in the main thread.

    `parts` are made by `assemble`; `connect` opens the producer's hold on the inbox.
    """

    def __init__(
        self,
        plan: RunPlan,
        parts: RunParts,
        watchdog: Watchdog,
        *,
        connect: Callable[[], Enqueuer],
        closed_loop: ClosedLoop | None,
        observe: Callable[[Status], None],
        watch: RoundTripWatch | None = None,
        networks: Mapping[int, Proxy] = MappingProxyType({}),
    ) -> None:
        scenario = plan.scenario
        self._plan = plan
        self._limits = scenario.limits
        self._parts = parts
        self._watchdog = watchdog
        self._connect = connect
        self._closed_loop = closed_loop
        self._observe = observe
        self._hiccups = HiccupMeter()
        self._held = Held(
            [*plan.workload.held(), *plan.workload.held_in_waves()],
            parts,
            claims_visible=plan.preset.claims_visible,
            acknowledges_in_transaction=plan.preset.acknowledges_in_transaction,
        )
        self._injector = FaultInjector(
            plan_faults(
                scenario.faults,
                seed=scenario.seed,
                ordinal=plan.ordinal,
                periods_s=plan.preset.periods_s,
                first_repeat_s=scenario.workload.duration_s,
            ),
            parts,
            scenario=scenario,
            rescue=plan.preset.rescue,
            held=self._held,
            watch=watch,
            networks=networks,
        )
        self._watch = watch
        self._waves: Waves | None = None
        self._producer: Source | None = None
        self._phase = Phase.SETUP
        self._cut_ns: int | None = None
        self._held_jobs = 0
        self._observed_ns = 0
        self._settled: Drain | None = None
        self._waiting_for = ""
        self._replacements = Replacements(parts, self._injector, slots=scenario.workers.slots)

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
            raise InternalError(
                f"the run failed by an error of the instrument: {error!r}"
            ) from error
        self._close()
        self._write_end("completed", drain, None)

    def _set_up(self) -> None:
        self._enter(Phase.SETUP)
        self._hiccups.start()
        self._parts.fleet.watch(self._hiccups.fileno(), self._take_hiccups)
        self._parts.sampler.start()
        if self._parts.bystander is not None:
            self._parts.bystander.start()
        if self._plan.scenario.workload.waves:
            self._begin_waves()
        later = {f.rescuer_slot for f in self._plan.scenario.faults if isinstance(f, Stall)}
        for slot in range(self._plan.scenario.workers.slots):
            if slot not in later:
                self._parts.fleet.spawn(slot)
        self._wait_until_ready()
        if self._waves is None:
            self._producer = source_of(
                self._plan.workload, self._connect, self._parts.recorder, self._closed_loop
            )
            self._watchdog.rest()  # a producer that is a process takes its time to start

    def _wait_until_ready(self) -> None:
        """Every slot that has had a worker; one that is killed meanwhile has a successor."""
        while not all(self._is_ready(slot) for slot, _ in list(self._parts.fleet.children)):
            self._step("every worker to become ready")

    def _is_ready(self, slot: int) -> bool:
        child = self._parts.fleet.in_slot(slot)
        return child is not None and (slot, child.incarnation) in self._parts.tracker.ready

    def _load(self) -> None:
        if self._waves is not None:
            self._waves.send_all(Turns(self._step, self._drain_wave, self._wait_until_ready))
            self._cut_ns = time.monotonic_ns()
            return
        assert self._producer is not None
        self._injector.started_ns = time.monotonic_ns() + _LEAD_NS
        if self._parts.producers is not None:
            self._parts.producers.started_ns = self._injector.started_ns
        self._enter(Phase.LOAD, self._injector.started_ns)
        self._producer.start(self._injector.started_ns)
        if self._plan.scenario.workload.endless:
            while self._injector.busy or self._injector.settled_since_ns() is None:
                self._step(self._injector.waiting_for())
            self._producer.stop()
        while self._producer.alive():
            self._step("the end of the stream")
        self._cut_ns = self._producer.ended_ns
        if self._held.jobs:
            self._hold(self._producer)
        drain = self._new_drain()
        while self._injector.busy:
            if self._injector.idle and drain.look() is None:
                self._injector.drop_what_never_came()
            self._step(self._injector.waiting_for())

    def _begin_waves(self) -> None:
        """T = 0 comes before the first worker: what happens at its start can be harmed, too."""
        scenario, parts = self._plan.scenario, self._parts
        producer = Producer([], self._connect, parts.recorder)
        self._producer = producer
        self._waves = Waves(
            scenario, self._plan.workload, producer, self._injector, parts.tracker, self._watch
        )
        self._injector.started_ns = producer.started_ns = time.monotonic_ns()
        self._enter(Phase.LOAD, producer.started_ns)
        if scenario.workload.waves_from == "before":
            self._waves.send_first()

    def _drain_wave(self) -> None:
        self._wait_for(self._new_drain(_LOOK_AT_WAVES_EVERY_NS))

    def _hold(self, producer: Source) -> None:
        self._wait_for(self._new_drain())
        self._enter(Phase.HOLD)
        self._settled = None
        producer.send(self._held.jobs)
        self._held_jobs = len(self._held.jobs)
        limit_ns = time.monotonic_ns() + round(self._limits.held_s * _NS_PER_S)
        while self._injector.pending:
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
        for child in self._parts.fleet.living():
            child.stop()
        limit_ns = round(self._limits.stop_s * _NS_PER_S)
        give_up_ns = time.monotonic_ns() + limit_ns
        while self._parts.fleet.unfinished():
            if time.monotonic_ns() > give_up_ns:
                self._kill_after_stop_timeout()
                self._parts.fleet.abandon_held_pipes()
                give_up_ns += limit_ns
            self._step("the workers to stop", watch_world=False)

    def _audit(self) -> None:
        assert self._producer is not None
        self._enter(Phase.AUDIT)
        self._producer.close()
        parts, run_id = self._parts, self._plan.run_id
        names = [parent_session_name(run_id, PRODUCER)]
        names += [session_name(run_id, *incarnation) for incarnation in parts.fleet.children]
        limit_s = self._limits.sessions_gone_s
        remaining = sessions_that_remain(parts.probe, names, limit_s=limit_s)
        workload = self._plan.workload
        parts.recorder.record_all(
            final_records(parts.probe, self._producer, parts.tracker, workload, remaining)
        )

    # What the phases are made of

    def _step(self, waiting_for: str, *, watch_world: bool = True) -> None:
        """One turn of the loop: read, reap, let the faults advance, show."""
        self._waiting_for = waiting_for
        self._watchdog.begin_turn()
        self._parts.fleet.wait(self._time_to_next(), prompt=self._something_rests_on_events())
        self._parts.sampler.workers = WorkersSeen(
            tuple(self._parts.fleet.unreaped()), self._parts.fleet.open_in_living()
        )
        if watch_world:
            self._watchdog.check(self._producer)
            self._replacements.make()
            self._injector.advance()
        now_ns = time.monotonic_ns()
        if now_ns - self._observed_ns > _OBSERVE_EVERY_NS:
            self._observed_ns = now_ns
            self._observe(self._status(now_ns))

    def _time_to_next(self) -> float:
        if self._injector.hurries:
            return _CERTIFYING_TICK_S
        due_ns = self._injector.next_due_ns()
        if due_ns is None:
            return _TICK_S
        return min(_TICK_S, (due_ns - time.monotonic_ns()) / _NS_PER_S)

    def _something_rests_on_events(self) -> bool:
        """A certificate, a fault that waits for a state, or the next job of a closed loop."""
        if self._waves is not None:
            return True
        by_state = any(fault.trigger != "timed" for fault in self._injector.pending)
        return by_state or self._injector.hurries or self._closed_loop is not None

    def _kill_after_stop_timeout(self) -> None:
        for child in self._parts.fleet.living():
            self._note(
                "stop_ignored",
                f"worker {child.slot}:{child.incarnation} did not stop within "
                f"{self._limits.stop_s:g} s (limits.stop_s)",
            )
            self._parts.fleet.kill(child, None)
        self._parts.fleet.kill_the_leaderless()

    def _new_drain(self, look_every_ns: int = LOOK_EVERY_NS) -> Drain:
        return Drain(
            self._parts,
            rescue=self._plan.preset.rescue,
            limits=self._limits,
            longest_length_s=self._plan.longest_length_s,
            outages=self._injector.outages,
            waits_for_good=self._injector.waits_for_good,
            look_every_ns=look_every_ns,
        )

    def _wait_for(self, drain: Drain) -> str:
        self._settled = drain
        while (waiting_for := drain.look()) is not None:
            self._step(waiting_for)
        return drain.ended_by

    def _take_hiccups(self) -> None:
        self._parts.recorder.record_all([report.sample() for report in self._hiccups.read()])

    def _enter(self, phase: Phase, t_ns: int | None = None) -> None:
        self._phase = phase
        note = Note(t_ns=t_ns or time.monotonic_ns(), code="phase", detail={"phase": phase.value})
        self._parts.recorder.record(note)

    def _note(self, code: str, message: str) -> None:
        self._parts.recorder.record(Note(t_ns=time.monotonic_ns(), code=code, message=message))

    def _end_early(self, ended: Literal["interrupted", "failed"], error: str | None) -> None:
        """Stop everything, keep what is known; what fails on the way is our caller's error."""
        if self._producer is not None:
            self._producer.stop()
        if self._parts.server is not None:
            self._parts.server.wake()  # who waits for an answer of it can be closed only then
        try:
            for child in self._parts.fleet.living():
                self._parts.fleet.kill(child, None)
            self._parts.fleet.kill_the_leaderless()
            limit_ns = time.monotonic_ns() + round(self._limits.stop_s * _NS_PER_S)
            while self._parts.fleet.unfinished() and time.monotonic_ns() < limit_ns:
                self._parts.fleet.wait(_TICK_S)
        finally:
            self._close()
            self._write_end(ended, f"not reached: {self._waiting_for}", error)

    def _close(self) -> None:
        if self._producer is not None:
            self._producer.join(self._limits.stop_s)
            self._producer.close()
        self._parts.sampler.stop()
        if self._parts.bystander is not None:
            self._parts.bystander.stop()
        self._hiccups.stop()
        self._parts.fleet.close()
        self._injector.close()
        self._parts.probe.close()

    def _write_end(
        self, ended: Literal["completed", "interrupted", "failed"], drain: str, error: str | None
    ) -> None:
        producer = self._producer
        self._parts.recorder.anchor()
        self._parts.recorder.record(
            RunEnd(
                t_ns=time.monotonic_ns(),
                ended=ended,
                drain=drain,
                stream_jobs=producer.stream_jobs if producer else 0,
                held_jobs=self._held_jobs,
                started_ns=self._injector.started_ns,
                cut_ns=self._cut_ns,
                error=error,
                max_lateness_us=producer.max_lateness_ns // 1000 if producer else None,
                bytes_written=self._parts.recorder.bytes_written,
            )
        )

    def _status(self, now_ns: int) -> Status:
        started_ns = self._injector.started_ns
        accepted = self._producer.accepted if self._producer else 0
        return Status(
            phase=self._phase,
            elapsed_s=max(0.0, (now_ns - started_ns) / _NS_PER_S) if started_ns else 0.0,
            enqueued=accepted + len(self._parts.tracker.fanned_out),
            completed=self._parts.tracker.completed,
            in_flight=(self._settled or self._parts.sampler).in_flight,
            faults=tuple(word_of(fault.plan.entry) for fault in self._injector.injected),
            duplicates=self._parts.tracker.duplicates,
            waiting_for=self._waiting_for,
        )
