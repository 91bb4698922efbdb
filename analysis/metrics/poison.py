"""Jobs that kill their worker: how often they ran, whether they were ever given up, and what the
jobs beside them lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np

from analysis.evidence.executions import Evidence, Found
from analysis.history.columns import worker_key
from analysis.ledger.case import Case
from analysis.ledger.flags import redelivered
from analysis.ledger.ledger import Verdict, judge
from analysis.section import Section, seconds, why_none
from orchestrator.history.records import FaultInjected
from orchestrator.history.worker_faults import PoisonBefore
from orchestrator.scenario.poison import poisons
from worker_child.protocol import JobDying

Fate = Literal["given_up", "comes_back", "left", "lost", "unknown"]
_FATES: Mapping[Verdict, Fate] = {
    "discarded": "given_up",
    "pending": "left",
    "stranded": "left",
    "lost": "lost",
}
NO_DELAY = "no job beside them was cut off and done afterwards"


class PoisonJob(Section, frozen=True, kw_only=True):
    """One job that kills its worker whenever it runs."""

    job_id: str
    """Which job."""
    executions: int
    """How often it was started: the attempts that it used."""
    deaths: int
    """How many workers it killed; the others of its executions died with another one's, or wait."""
    fate: Fate
    """What became of it: the queue gave it up; it still came back when all deaths were used up; it
    was left in the queue and did not come back; it is gone from it; or nobody can say."""


class Neighbours(Section, frozen=True, kw_only=True):
    """The other jobs that were in flight in a worker that a job killed."""

    hit: int
    """How many there were."""
    run_again: int
    """Of these: started again before an earlier execution had ended."""
    duplicated: int
    """Done twice or more."""
    given_up: int
    """Given up by the queue."""
    lost: int
    """Never done, and gone from the queue."""
    left: int
    """Still in the queue when the run ended."""
    longest_delay_s: float | None
    """The longest time from the first such death that cut a job off until that job was done,
    seconds."""
    longest_delay_s_why: str | None = None


class PoisonFound(Section, frozen=True, kw_only=True):
    """All that jobs which kill their worker did."""

    deaths: int
    """How many workers died by them."""
    deaths_at_most: int
    """How many were allowed."""
    jobs: tuple[PoisonJob, ...]
    """Each of them that was enqueued, by its id."""
    neighbours: Neighbours
    """The jobs beside them."""

    def count(self, fate: Fate) -> int:
        """How many of them had it."""
        return sum(job.fate == fate for job in self.jobs)


def poison_found(case: Case) -> PoisonFound | None:
    """What they did; None = the scenario has none."""
    entries = poisons(case.scenario)
    if not entries:
        return None
    sent = [one for one in case.history.records.of(FaultInjected) if one.what == "poison"]
    return PoisonFound(
        deaths=len(sent),
        deaths_at_most=sum(entry.deaths for entry in entries),
        jobs=tuple(_poison_jobs(case, sent)),
        neighbours=_neighbours(case),
    )


def _poison_jobs(case: Case, sent: list[FaultInjected]) -> Iterator[PoisonJob]:
    killed = [before.job_id for one in sent if isinstance(before := one.before, PoisonBefore)]
    dead = {worker_key(w.slot, w.incarnation) for one in sent for w in one.target.workers}
    waiting = {
        line.job_id
        for line in case.history.records.of(JobDying)
        if worker_key(line.slot, line.incarnation) not in dead
    }
    for evidence in _evidence(case, case.rules.poison):
        fate = _FATES.get(judge(evidence, case.rules).verdict, "unknown")
        yield PoisonJob(
            job_id=evidence.job_id,
            executions=len(evidence.executions),
            deaths=killed.count(evidence.job_id),
            fate="comes_back" if evidence.job_id in waiting else fate,
        )


def _neighbours(case: Case) -> Neighbours:
    hit = {
        case.history.jobs.name(number)
        for death in case.deaths
        for number in death.phases
        if death.victim.fault is not None and death.victim.fault.what == "poison"
    }
    found = list(_evidence(case, hit - set(case.rules.poison)))
    verdicts = [judge(evidence, case.rules).verdict for evidence in found]
    delays = [delay_s for evidence in found if (delay_s := _delay_s(evidence)) is not None]
    longest = max(delays, default=None)
    return Neighbours(
        hit=len(found),
        run_again=sum(map(redelivered, found)),
        duplicated=verdicts.count("duplicated"),
        given_up=verdicts.count("discarded"),
        lost=verdicts.count("lost"),
        left=verdicts.count("pending") + verdicts.count("stranded"),
        longest_delay_s=longest,
        longest_delay_s_why=why_none(longest, NO_DELAY),
    )


def _delay_s(evidence: Evidence) -> float | None:
    """From the first poison's death that cut it off until it was done; None = none did, or it was
    never done."""
    cut_ns = min(_cut_off_ns(evidence.found), default=None)
    done_ns = evidence.first_completed_ns
    if cut_ns is None or done_ns is None or done_ns < cut_ns:
        return None
    return seconds(done_ns - cut_ns)


def _cut_off_ns(found: list[Found]) -> Iterator[int]:
    for one in found:
        if one.victim.fault is not None and one.victim.fault.what == "poison":
            yield one.victim.died_ns


def _evidence(case: Case, job_ids: frozenset[str] | set[str]) -> Iterator[Evidence]:
    wanted = np.zeros(len(case.history.jobs), np.bool_)
    numbers = [case.history.jobs.number(job_id) for job_id in job_ids]
    wanted[[number for number in numbers if number is not None]] = True
    return case.evidence(wanted)
