"""Counts over all jobs of a run, and the jobs worth a closer look with their evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from analysis.evidence.deaths import Death
from analysis.evidence.executions import Evidence
from analysis.history.columns import unpack_worker
from analysis.ledger.duplicates import Cause, duplicate_cause
from analysis.ledger.flags import flags
from analysis.ledger.ledger import (
    HARNESS_REASONS,
    VERDICTS,
    Judgement,
    Rules,
    Verdict,
    bound_reached,
    final_status,
    held_by_dead,
    judge,
    no_worker_left,
)
from analysis.ledger.live_duplicates import LiveCause, LiveCauses
from analysis.section import Section

MOST_ALIKE = 100
"""So many jobs of one verdict and reason are listed; `python -m analysis explain` shows any job."""


class Reference(Section, frozen=True, kw_only=True):
    """Where a line of the history is: a child's by its ordinal, the parent's by its instant."""

    kind: str
    """The line's kind."""
    slot: int | None = None
    """Of a child's line: its slot."""
    incarnation: int | None = None
    """Of a child's line: which process of the slot wrote it, from 0."""
    n: int | None = None
    """Of a child's line: its ordinal, from 0."""
    t_ns: int | None = None
    """Of the parent's line: its instant, CLOCK_MONOTONIC nanoseconds."""


class NotableJob(Section, frozen=True, kw_only=True):
    """A job with another verdict than completed_once, or with a flag."""

    job_id: str
    """Which job."""
    verdict: Verdict
    """What became of it."""
    reason: str | None
    """Which ambiguity, duplicate or pending it is."""
    flags: list[str]
    """What else is worth knowing of it."""
    evidence: list[Reference]
    """The lines that say so."""


@dataclass(slots=True)
class Tally:
    """What is counted over the jobs. All counters are by name."""

    verdicts: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(VERDICTS, 0)))
    reasons: dict[str, Counter[str]] = field(
        default_factory=lambda: {
            verdict: Counter() for verdict in ("ambiguous", "duplicated", "pending", "stranded")
        }
    )
    flags: Counter[str] = field(default_factory=Counter)
    flags_by_verdict: dict[str, Counter[str]] = field(
        default_factory=lambda: {verdict: Counter() for verdict in VERDICTS}
    )
    final_status: Counter[str] = field(default_factory=Counter)
    causes: Counter[Cause] = field(default_factory=Counter)
    """Of the duplicated jobs."""
    live_causes: Counter[LiveCause] = field(default_factory=Counter)
    """Of those that no death explains."""
    attributed: Counter[int] = field(default_factory=Counter)
    """Duplicated jobs by the fault that they belong to."""
    unattributed: int = 0
    duplicate_executions: int = 0
    """Jobs with two or more job_completed, whatever the ledger makes of them."""
    duplicated_by_effect_alone: int = 0
    """Duplicated jobs with fewer than two job_completed: an effect tells of the other."""
    duplicate_effects: int = 0
    bound_not_reached: int = 0
    no_worker: int = 0
    """Jobs that a dead incarnation holds and that no worker lived long enough to free."""
    jobs: list[NotableJob] = field(default_factory=list)
    """The jobs worth a look, each with its evidence."""
    left_out: int = 0
    """Jobs that would stand in `jobs`, were there not so many alike."""
    _listed: Counter[tuple[str, str | None]] = field(default_factory=Counter)

    def add_plain(self, count: int) -> None:
        """Count jobs of which nothing is to be learnt."""
        self.verdicts["completed_once"] += count
        self.final_status["completed"] += count

    def add_all(
        self, jobs: Iterable[Evidence], rules: Rules, deaths: list[Death], live: LiveCauses
    ) -> None:
        """Judge and count jobs one by one."""
        for evidence in jobs:
            self.duplicate_executions += evidence.completed_lines >= 2
            if not evidence.planned:
                continue
            judgement = judge(evidence, rules)
            if judgement.verdict == "duplicated":
                self._add_duplicate(evidence, deaths, live)
            self._add(evidence, judgement, rules)

    @property
    def harness_ambiguity(self) -> int:
        """Ambiguous jobs whose reason is our own failure."""
        return sum(self.reasons["ambiguous"][reason] for reason in HARNESS_REASONS)

    def _add_duplicate(self, evidence: Evidence, deaths: list[Death], live: LiveCauses) -> None:
        cause, victim = duplicate_cause(evidence, deaths)
        self.causes[cause] += 1
        if cause == "live":
            self.live_causes[live.cause(evidence)] += 1
        self.duplicated_by_effect_alone += evidence.completed_lines < 2
        if victim is not None and victim.fault is not None:
            self.attributed[victim.fault.fault] += 1
        else:
            self.unattributed += 1

    def _add(self, evidence: Evidence, judgement: Judgement, rules: Rules) -> None:
        raised = flags(evidence, judgement, rules)
        self.verdicts[judgement.verdict] += 1
        if judgement.reason is not None:
            self.reasons[judgement.verdict][judgement.reason] += 1
        self.flags.update(raised)
        self.flags_by_verdict[judgement.verdict].update(raised)
        self.final_status[final_status(evidence)] += 1
        self.duplicate_effects += sum(e.effect for e in evidence.executions) >= 2
        self._add_held(evidence, rules)
        if judgement.verdict != "completed_once" or raised:
            self._list(evidence, judgement, raised)

    def _add_held(self, evidence: Evidence, rules: Rules) -> None:
        """A job that was done and that a dead incarnation holds may come back as well."""
        length_us = evidence.length_us
        dead = held_by_dead(evidence)
        left = [row for row in dead if not bound_reached(row, length_us, rules)]
        nobody = bool(left) and all(no_worker_left(row, length_us, rules) for row in left)
        self.no_worker += nobody
        self.bound_not_reached += bool(left) and not nobody

    def _list(self, evidence: Evidence, judgement: Judgement, raised: list[str]) -> None:
        alike = (judgement.verdict, judgement.reason)
        self._listed[alike] += 1
        if self._listed[alike] > MOST_ALIKE:
            self.left_out += 1
            return
        self.jobs.append(
            NotableJob(
                job_id=evidence.job_id,
                verdict=judgement.verdict,
                reason=judgement.reason,
                flags=raised,
                evidence=references(evidence),
            )
        )


def references(evidence: Evidence) -> list[Reference]:
    """Where to find a job's lines: by (slot, incarnation, n), the parent's by (kind, t_ns)."""
    found: list[Reference] = []
    for enqueue in evidence.enqueues:
        if enqueue.worker is None or enqueue.n is None:
            found.append(Reference(kind="job_enqueued", t_ns=enqueue.t_ns))
        else:
            slot, number = unpack_worker(enqueue.worker)
            found.append(Reference(kind="job_enqueued", slot=slot, incarnation=number, n=enqueue.n))
    for execution in evidence.executions:
        found.extend(
            Reference(
                kind=f"job_{what}", slot=execution.slot, incarnation=execution.incarnation, n=n
            )
            for what, n in sorted(execution.ordinals.items(), key=lambda item: item[1])
        )
    found.extend(Reference(kind="row_read", t_ns=row.t_ns) for row in evidence.rows)
    return found
