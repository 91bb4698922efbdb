"""Several producers at once, where it matters that many enqueue the same thing at one instant."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.history.recorder import Recorder
from orchestrator.load.cache_caller import CacheCaller
from orchestrator.load.closed_loop import ClosedLoop
from orchestrator.load.producer import DueJob, Producer
from orchestrator.scenario.workload import PlannedJob, Workload
from worker_child.adapters.contract import Enqueuer


class ProducerGroup:
    """Sends a stream as one `Producer` does, job i by the member i modulo their number.

    Each member has a thread and a connection of its own.
    """

    def __init__(self, members: list[Producer]) -> None:
        assert members
        self._members = members

    def start(self, started_ns: int) -> None:
        """See `Producer.start`."""
        for member in self._members:
            member.start(started_ns)

    def stop(self) -> None:
        """See `Producer.stop`."""
        for member in self._members:
            member.stop()

    def alive(self) -> bool:
        """Whether a member has jobs to come."""
        return any(member.alive() for member in self._members)

    def join(self, timeout_s: float) -> bool:
        """See `Producer.join`; `timeout_s` is each member's."""
        return all(member.join(timeout_s) for member in self._members)

    def send(self, jobs: list[PlannedJob]) -> None:
        """See `Producer.send`."""
        self._members[0].send(jobs)

    def close(self) -> None:
        """Close every connection."""
        for member in self._members:
            member.close()

    @property
    def started_ns(self) -> int:
        """T = 0."""
        return self._members[0].started_ns

    @property
    def accepted(self) -> int:
        """How many jobs the queue has taken."""
        return sum(member.accepted for member in self._members)

    @property
    def stream_jobs(self) -> int:
        """All ids of jobs that were sent run from 0 to stream_jobs - 1. Where the stream was cut,
        some of the last ones below may not have been."""
        ends = (
            (member.stream_jobs - 1) * len(self._members) + number + 1
            for number, member in enumerate(self._members)
            if member.stream_jobs
        )
        return max(ends, default=0)

    @property
    def job_of_inbox_id(self) -> dict[str, str]:
        """By inbox id: the job that the queue took as this row."""
        return {key: job for member in self._members for key, job in member.job_of_inbox_id.items()}

    @property
    def indeterminate(self) -> dict[str, DueJob]:
        """Jobs of which nobody knows whether the queue took them."""
        return {key: due for member in self._members for key, due in member.indeterminate.items()}

    @property
    def max_lateness_ns(self) -> int:
        """The latest wake-up of any member."""
        return max(member.max_lateness_ns for member in self._members)

    @property
    def ended_ns(self) -> int | None:
        """When the last member had sent its last job; None = they are still at it."""
        ends = [member.ended_ns for member in self._members]
        return None if None in ends else max(end for end in ends if end is not None)

    @property
    def error(self) -> BaseException | None:
        """What ended a member before its time."""
        return next((m.error for m in self._members if m.error is not None), None)


Source = Producer | ProducerGroup
"""Whoever sends the stream of a run."""


def source_of(
    workload: Workload,
    connect: Callable[[], Enqueuer],
    recorder: Recorder,
    closed_loop: ClosedLoop | None,
) -> Source:
    """One producer; or as many as the scenario has enqueuers or callers, each with its part of the
    stream."""
    cache = workload.cache
    if workload.enqueuers == 1 and cache is None:
        return Producer(workload.jobs(), connect, recorder, closed_loop=closed_loop)
    assert workload.stream_jobs is not None, "checked: no endless stream with dedup or a cache"
    parts = (
        range(member, workload.stream_jobs, workload.enqueuers)
        for member in range(workload.enqueuers)
    )
    streams = [map(workload.job, part) for part in parts]
    if cache is None:
        return ProducerGroup([Producer(stream, connect, recorder) for stream in streams])
    return ProducerGroup(
        [
            CacheCaller(stream, connect, recorder, number=number, answer_s=cache.answer_s)
            for number, stream in enumerate(streams)
        ]
    )
