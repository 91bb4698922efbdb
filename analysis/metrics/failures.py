"""What went wrong inside the jobs themselves: error rates by class, attempts, discards."""

from __future__ import annotations

from collections import defaultdict

import msgspec
import numpy as np

from analysis.history.columns import Ints
from analysis.history.history import History
from analysis.metrics.retries import Retries, retries_section
from analysis.section import Section, why_none
from worker_child.protocol import JobDiscarded

MOST_MESSAGES = 5
"""So many different messages of a class are quoted, those of most executions first."""


class ErrorMessage(Section, frozen=True, kw_only=True):
    """Failed executions that said the same."""

    message: str
    """The exception's text, its first 200 characters."""
    failed: int
    """Executions that failed with it."""


class ClassOfErrors(Section, frozen=True, kw_only=True):
    """The failed executions of one error class."""

    failed: int
    """Executions that failed with it."""
    rate: float | None
    """Their share of all executions, 0 to 1."""
    rate_why: str | None = None
    messages: list[ErrorMessage] = msgspec.field(default_factory=list)
    """What they said, at most five different messages."""
    messages_left_out: int = 0
    """Executions that said something else than these."""


class JobsByExecutions(Section, frozen=True, kw_only=True):
    """A step of the histogram of attempts."""

    executions: int
    """How often these jobs were executed."""
    jobs: int
    """How many jobs were executed just so often."""


class Attempts(Section, frozen=True, kw_only=True):
    """Executions a job, over all jobs that were enqueued."""

    n: int
    """Jobs that were enqueued."""
    mean: float | None
    """Executions a job on average."""
    mean_why: str | None = None
    max: int | None
    """Executions of the job that was executed most often."""
    max_why: str | None = None
    histogram: list[JobsByExecutions]
    """How many jobs were executed how often."""


class Discards(Section, frozen=True, kw_only=True):
    """Jobs that the library gave up, by its own word or its rows."""

    jobs: int
    """How many there are."""
    observed_by: dict[str, int]
    """The same by what showed it, as in job_discarded; a job may stand in several."""


class Errors(Section, frozen=True, kw_only=True):
    """What went wrong inside the jobs themselves, and what the library made of it."""

    executions: int
    """Distinct executions that started."""
    failed: int
    """Executions with a job_failed."""
    rate: float | None
    """Failed executions over all executions, 0 to 1."""
    rate_why: str | None = None
    by_class: dict[str, ClassOfErrors]
    """The failed ones by their error class."""
    attempts: Attempts
    """Executions a job."""
    discards: Discards
    """Jobs that the library gave up."""
    retries: Retries
    """What followed the failures."""


NOTHING_EXECUTED = "nothing was ever executed"
NOTHING_ENQUEUED = "no job was enqueued"


def errors_section(history: History) -> Errors:
    """Error rate by error class = executions failed with it / all executions (METHODOLOGY)."""
    executions = _distinct(history.starts.key)
    failures = history.failures
    keys, firsts = np.unique(failures.key, return_index=True)
    names, codes = failures.error_class.names, failures.error_class.code[firsts]
    said = failures.message.code[firsts]
    rate = _share(len(keys), executions)
    return Errors(
        executions=executions,
        failed=len(keys),
        rate=rate,
        rate_why=why_none(rate, NOTHING_EXECUTED),
        by_class={
            name: _of_class(failures.message.names, said[codes == code], executions)
            for code, name in enumerate(names)
        },
        attempts=_attempts(history),
        discards=_discards(history),
        retries=retries_section(history),
    )


def planned_message(error_class: str) -> str:
    """What an execution says that fails as its job's plan wants it, in every language."""
    return f"PlannedError: planned failure: {error_class}"


def _of_class(messages: list[str], said: Ints, executions: int) -> ClassOfErrors:
    """`said` = for each failed execution of the class: which of the `messages`."""
    failed = len(said)
    rate = _share(failed, executions)
    counts = np.bincount(said, minlength=len(messages))
    most = np.argsort(-counts, kind="stable")[:MOST_MESSAGES].tolist()
    quoted = [
        ErrorMessage(message=messages[place], failed=int(counts[place]))
        for place in most
        if counts[place]
    ]
    return ClassOfErrors(
        failed=failed,
        rate=rate,
        rate_why=why_none(rate, NOTHING_EXECUTED),
        messages=quoted,
        messages_left_out=failed - sum(one.failed for one in quoted),
    )


def _distinct(keys: Ints) -> int:
    ordered = np.sort(keys)
    return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + bool(len(keys))


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def _attempts(history: History) -> Attempts:
    jobs = len(history.jobs)
    enqueued = np.zeros(jobs, np.bool_)
    enqueued[history.enqueues.job] = True
    executions = np.bincount(history.starts.job, minlength=jobs)[enqueued]
    n = len(executions)
    mean = round(int(executions.sum()) / n, 6) if n else None
    most = int(executions.max()) if n else None
    counts = np.bincount(executions).tolist()
    return Attempts(
        n=n,
        mean=mean,
        mean_why=why_none(mean, NOTHING_ENQUEUED),
        max=most,
        max_why=why_none(most, NOTHING_ENQUEUED),
        histogram=[
            JobsByExecutions(executions=number, jobs=count)
            for number, count in enumerate(counts)
            if count
        ],
    )


def _discards(history: History) -> Discards:
    discarded = history.records.of(JobDiscarded)
    seen: defaultdict[str, set[str]] = defaultdict(set)
    for record in discarded:
        seen[record.observed_by].add(record.job_id)
    return Discards(
        jobs=len({record.job_id for record in discarded}),
        observed_by={who: len(jobs) for who, jobs in seen.items()},
    )
