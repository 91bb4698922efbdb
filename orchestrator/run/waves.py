"""A stream that comes in waves: what goes out next, and to whom it is told."""

from __future__ import annotations

from orchestrator.faults.round_trips import RoundTripWatch
from orchestrator.load.producer import Producer
from orchestrator.scenario.workload import PlannedJob, Workload


class Waves:
    """Sends the waves of a run in their order, in the caller's thread."""

    def __init__(
        self, workload: Workload, producer: Producer, watch: RoundTripWatch | None
    ) -> None:
        self._left = list(workload.waves())
        self._producer = producer
        self._watch = watch
        self._number = -1

    @property
    def left(self) -> int:
        """How many are still to come."""
        return len(self._left)

    def send(self) -> None:
        """The next wave. The last one finds whether the queue still works: it is not watched."""
        if self.left == 1 and self._watch is not None:
            self._watch.stop_listening()
        self._send(self._left.pop(0))

    def send_rest(self) -> None:
        """All that is still to come, at once."""
        if self._watch is not None:
            self._watch.stop_listening()
        rest, self._left = self._left, []
        self._send([job for wave in rest for job in wave])

    def _send(self, jobs: list[PlannedJob]) -> None:
        self._number += 1
        if self._watch is not None:
            self._watch.wave = self._number
            self._watch.phases.enqueue(job.plan.job_id for job in jobs)
        self._producer.send_wave(jobs)
