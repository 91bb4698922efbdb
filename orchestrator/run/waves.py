"""A stream that comes in waves: each goes out once the one before it has settled."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

from orchestrator.faults.injector import FaultInjector
from orchestrator.faults.round_trips import RoundTripWatch
from orchestrator.load.producer import Producer
from orchestrator.scenario.types import Scenario
from orchestrator.scenario.workload import PlannedJob, Workload
from orchestrator.workers.tracker import Tracker

_NS_PER_S = 1_000_000_000
_PATIENCE_S = 0.5
"""An enqueuing, or a statement, that takes longer waits for somebody's lock, or is meant to."""


@dataclass(frozen=True)
class Turns:
    """What of the supervisor's loop is needed here."""

    step: Callable[[str], None]
    """One turn; the text says what is waited for."""
    drain: Callable[[], None]
    """Turns until nothing is left in the queue, or the drain's bound."""
    until_ready: Callable[[], None]
    """Turns until every slot that has had a worker has one that is ready."""


class Waves:
    """Sends the waves of a run in their order; for the supervisor's thread."""

    def __init__(
        self,
        scenario: Scenario,
        workload: Workload,
        producer: Producer,
        injector: FaultInjector,
        tracker: Tracker,
        watch: RoundTripWatch | None,
    ) -> None:
        self._idle_s = scenario.workload.idle_s
        self._turn_s = scenario.limits.turn_s
        self._left = list(workload.waves())
        self._producer = producer
        self._injector = injector
        self._tracker = tracker
        self._watch = watch
        self._held = {job.plan.job_id for job in workload.held_in_waves()}
        self._number = -1
        self._sent: set[str] = set()

    def send_first(self) -> None:
        """The first wave, before there is a worker."""
        self._send(self._left.pop(0), None)

    def send_all(self, turns: Turns) -> None:
        """Wave by wave. The last one, and once a fault has come all that is left, goes out when
        that fault is over: it shows whether the queue still works, and is not watched."""
        self._idle(turns)
        if self._sent:
            self._settle(turns)
        while self._left:
            if len(self._left) == 1 or self._injector.injected:
                self._see_faults_through(turns)
                if self._watch is not None:
                    self._watch.stop_listening()
                rest, self._left = self._left, []
                self._send([job for wave in rest for job in wave], turns.step)
            else:
                self._send(self._left.pop(0), turns.step)
                self._settle(turns)

    def _send(self, jobs: list[PlannedJob], step: Callable[[str], None] | None) -> None:
        self._number += 1
        job_ids = [job.plan.job_id for job in jobs]
        self._sent.update(job_ids)
        if self._watch is not None:
            self._watch.wave = self._number
            self._watch.phases.enqueue(job_ids)
        self._enqueue(jobs, step)

    def _enqueue(self, jobs: list[PlannedJob], step: Callable[[str], None] | None) -> None:
        """In a thread of its own: a lock that is in the way may be held by a worker that waits at a
        round trip for our next turn. None is made while nothing is in the way, so that the worker's
        next round trip finds all jobs of the wave, or none."""
        with ThreadPoolExecutor(1, thread_name_prefix="wave") as pool:
            sent = pool.submit(self._producer.send_wave, jobs)
            wait((sent,), None if step is None else _PATIENCE_S)
            while step is not None and not sent.done():
                step("the enqueuing of a wave")
            sent.result()

    def _idle(self, turns: Turns) -> None:
        until_ns = time.monotonic_ns() + round(self._idle_s * _NS_PER_S)
        while time.monotonic_ns() < until_ns and not self._injector.injected:
            turns.step("the end of the time without jobs")

    def _settle(self, turns: Turns) -> None:
        """Nothing is left in the queue; and as long as nobody was harmed, each job has ended: a
        queue may forget a job as soon as it hands it out. One that is held ends by a fault."""
        turns.drain()
        limit_ns = time.monotonic_ns() + round(self._turn_s * _NS_PER_S)
        while not self._injector.injected and time.monotonic_ns() < limit_ns:
            done = self._sent <= self._tracker.completions.keys() | self._tracker.discarded
            if done and not self._held & self._sent:
                break
            turns.step("the jobs of the wave to end")
        self._hear_out(turns)

    def _hear_out(self, turns: Turns) -> None:
        """The queue shows what a statement has done before its answer has come: until then that
        round trip is neither listed nor passed. One that takes long is not waited for."""
        if self._watch is None:
            return
        asked = self._watch.unanswered()
        until_ns = time.monotonic_ns() + round(_PATIENCE_S * _NS_PER_S)
        while asked & self._watch.unanswered() and time.monotonic_ns() < until_ns:
            turns.step("the answers to what the worker has asked")

    def _see_faults_through(self, turns: Turns) -> None:
        """What has come is certified and healed, and what it left in the queue has settled."""
        injector = self._injector
        while injector.busy:
            if injector.idle:
                injector.drop_what_never_came()
            turns.step(injector.waiting_for())
        turns.until_ready()
        turns.drain()
