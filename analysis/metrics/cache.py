"""A queue with a cache: what its callers were served, how soon, and how much work that cost."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from analysis.evidence.hiccups import LOAD_UNSAMPLED
from analysis.history.history import History
from analysis.history.questions import Question, questions_of
from analysis.ledger.case import Case
from analysis.metrics.latency import NEVER, Percentiles, by_group
from analysis.section import Section, why_none
from worker_child.protocol import Note

MOST_ADDRESSES = 100
"""So many addresses of each sort are listed."""
OUTCOMES = ("hit", "joined", "miss")


class CacheLatencies(Section, frozen=True, kw_only=True):
    """From a question until the caller had every byte, milliseconds, by how it was answered.

    A question that got no result ranks above all others of its sort.
    """

    hit: Percentiles
    """The cache had the result."""
    joined: Percentiles
    """The queue had a job of the address already; it was waited for."""
    miss: Percentiles
    """A job of the caller's own was enqueued and waited for."""


class Cache(Section, frozen=True, kw_only=True):
    """What the callers of a queue with a cache were served. There is nothing to compare it with
    where only one library has the like."""

    callers: int
    """How many ask for an address at the same instant."""
    addresses: int
    """Addresses that were asked for."""
    asks: int
    """Questions of all callers."""
    hits: int
    """Questions that the cache answered at once."""
    joined: int
    """Questions that waited for a job which the queue had already."""
    misses: int
    """Questions for which a job of their own was sent to the queue."""
    unanswered: int
    """Questions that got no result within `workload.cache.answer_s`, whatever came of them."""
    hit_rate: float | None
    """`hits` / `asks`."""
    executions: int
    """Executions of all addresses' jobs."""
    executions_per_address: float | None
    """On average over the addresses that were asked for; 1 = each was worked out once."""
    max_executions_per_address: int
    """Executions of the address that was executed most often, redeliveries included."""
    addresses_run_again: int
    """Addresses of which more than one job was executed. A redelivered job is still one."""
    addresses_never_run: int
    """Addresses without any execution."""
    work_saved: float | None
    """1 - `executions` / `asks`: the share of the questions that cost no execution."""
    wrong_results: int
    """Answers whose bytes are not those of the address. The next two are among them."""
    torn_results: int
    """Those of them that are too short."""
    foreign_results: int
    """Those of them that are another address's."""
    wrong_addresses: list[str]
    """For what was asked where the answer was wrong, the first hundred."""
    stuck_addresses: int
    """Addresses that nobody was served any more once a question had been left unanswered."""
    latency_ms: CacheLatencies
    """From the question to the last byte of the answer."""
    machine_limited: bool | None
    """Whether the machine stalled, or a caller woke late, while jobs were under way."""
    machine_limited_why: str | None = None


def cache_section(case: Case, limited: bool | None) -> Cache | None:
    """None where the scenario has no ``workload.cache``.

    `limited` = whether the machine stalled meanwhile; None = nobody knows.
    """
    settings = case.scenario.workload.cache
    if settings is None:
        return None
    answers = questions_of(case.history.records.of(Note))
    addresses = {answer.told.address for answer in answers}
    executed = _executions(case.history, answers)
    executions = sum(sum(counts) for counts in executed.values())
    outcomes = Counter(answer.told.outcome for answer in answers)
    wrong = [answer for answer in answers if answer.wrong]
    own = {answer.told.expected_sha256 for answer in answers}
    return Cache(
        callers=settings.concurrent_hits,
        addresses=len(addresses),
        asks=len(answers),
        hits=outcomes["hit"],
        joined=outcomes["joined"],
        misses=outcomes["miss"],
        unanswered=sum(not answer.served for answer in answers),
        hit_rate=_share(outcomes["hit"], len(answers)),
        executions=executions,
        executions_per_address=_share(executions, len(addresses)),
        max_executions_per_address=max(map(sum, executed.values()), default=0),
        addresses_run_again=sum(len(counts) > 1 for counts in executed.values()),
        addresses_never_run=len(addresses - executed.keys()),
        work_saved=_share(len(answers) - executions, len(answers)),
        wrong_results=len(wrong),
        torn_results=sum(a.told.sha256 not in own and _is_short(a) for a in wrong),
        foreign_results=sum(answer.told.sha256 in own for answer in wrong),
        wrong_addresses=sorted({answer.told.address for answer in wrong})[:MOST_ADDRESSES],
        stuck_addresses=_stuck(answers),
        latency_ms=_latencies(answers),
        machine_limited=limited,
        machine_limited_why=why_none(limited, LOAD_UNSAMPLED),
    )


def _is_short(answer: Question) -> bool:
    return (answer.told.bytes or 0) < answer.told.expected_bytes


def _executions(history: History, answers: Sequence[Question]) -> dict[str, list[int]]:
    """By address: for each of its jobs that was executed at all, how often."""
    address_of = {answer.told.job_id: answer.told.address for answer in answers}
    found: defaultdict[str, list[int]] = defaultdict(list)
    jobs, counts = np.unique(history.starts.job, return_counts=True)
    for job, count in zip(jobs.tolist(), counts.tolist(), strict=True):
        address = address_of.get(history.jobs.name(job))
        if address is not None:
            found[address].append(count)
    return found


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def _stuck(answers: Sequence[Question]) -> int:
    """Addresses of which nobody who asked last was served."""
    last: dict[str, Question] = {}
    for answer in sorted(answers, key=lambda answer: (answer.told.asked_ns, answer.served)):
        last[answer.told.address] = answer
    return sum(not answer.served for answer in last.values())


def _latencies(answers: Sequence[Question]) -> CacheLatencies:
    known = [answer for answer in answers if answer.told.outcome in OUTCOMES]
    begun = np.array([answer.told.asked_ns for answer in known], np.int64)
    ended = np.array([a.answered_ns if a.served else NEVER for a in known], np.int64)
    group = np.array([OUTCOMES.index(answer.told.outcome) for answer in known], np.int64)
    found = by_group(begun, ended, group, len(OUTCOMES))
    return CacheLatencies(**dict(zip(OUTCOMES, found, strict=True)))
