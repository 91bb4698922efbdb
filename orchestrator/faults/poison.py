"""Jobs that kill their own worker: each announces it, is given the word, and its worker dies by its
own hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.faults.certificate import EndOfAProcess, sessions_before
from orchestrator.faults.targets import Reach, Victim, Worker
from orchestrator.history.worker_faults import PoisonBefore
from orchestrator.scenario.worker_faults import Poison
from worker_child.protocol import JobDying


@dataclass(frozen=True)
class Poisoned(Worker):
    """A worker of which a job waits to kill it."""

    announced: JobDying


def announcer(reach: Reach, _: Poison) -> Poisoned | None:
    """The worker of the job that has waited longest, in whichever slot it is."""
    return min(waiting(reach), key=lambda found: found.announced.t_ns, default=None)


def first_announced_ns(reach: Reach) -> int | None:
    """When that job said so; None = none waits."""
    return min((found.announced.t_ns for found in waiting(reach)), default=None)


def waiting(reach: Reach) -> Iterator[Poisoned]:
    """Every job that waits to kill a worker which lives."""
    for child in reach.fleet.living():
        for announced in reach.tracker.dying.get((child.slot, child.incarnation), ()):
            yield Poisoned(child, announced)


def give_the_word(reach: Reach, victim: Poisoned, fault: int) -> int:
    """Let it kill itself; returns the instant, stamped just before."""
    return reach.fleet.let_die(victim.child, fault)


def describe(entry: Poison) -> str:
    """For a person, before the run."""
    jobs = "1 job that kills" if entry.jobs == 1 else f"{entry.jobs} jobs that kill"
    deaths = "1 death" if entry.deaths == 1 else f"{entry.deaths} deaths"
    return f"{jobs} the worker whenever run, up to {deaths},"


class DeathByAJob(EndOfAProcess):
    """A worker's process is gone with all that it had, by its own SIGKILL. One that lives on after
    the word is killed at the limit, when its certificate lacks its end already."""

    def __init__(self, reach: Reach, victim: Victim) -> None:
        assert isinstance(victim, Poisoned), f"nobody kills {victim}"
        super().__init__(reach, victim)
        self._poisoned = victim

    def before(self) -> PoisonBefore:
        """The worker's sessions, those of nobody, and whose job it is."""
        seen = sessions_before(self._reach, self._poisoned)
        announced = self._poisoned.announced
        return PoisonBefore(
            seen.sessions,
            seen.unknown_sessions,
            ready=seen.ready,
            job_id=announced.job_id,
            execution=announced.execution,
            announced_ns=announced.t_ns,
        )

    def missing(self, *, overdue: bool) -> str | None:
        """As for any process that ends."""
        missing = super().missing(overdue=overdue)
        if overdue and self._child.exit is None:
            self._child.kill()
        return missing
