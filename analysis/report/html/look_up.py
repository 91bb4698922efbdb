"""All jobs of a run, packed: the page looks any of them up by its id.

Some thousand jobs at a time are columns of JSON, compressed; the page unpacks those that it is
asked for. Times are microseconds; of more than `MOST_EXACT_JOBS` jobs they are milliseconds, and
the page says so. What follows on something like it is a difference, since that compresses best:

- an id of the stream counts on from the last one in its chunk; any other id is a text;
- a job's first fact counts from the first fact of the job before it, each further one from the fact
  before it, and a fact of the final read from the last such fact;
- an execution's number counts from the last one named.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import orjson

from analysis.history.columns import ABSENT, Bools, Interner, Ints
from analysis.history.job_ids import stream_index
from analysis.ledger.case import Case
from analysis.ledger.flags import flags
from analysis.ledger.ledger import judge
from analysis.ledger.plain_jobs import plain_jobs
from analysis.report.html.job_facts import (
    AT_THE_END,
    NO_NUMBER,
    JobFacts,
    job_facts,
    never_enqueued,
)
from analysis.report.html.plot import Clock, Json
from analysis.report.number_format import words

JOBS_A_CHUNK: Final = 4_000
MOST_EXACT_JOBS: Final = 200_000
COMPRESSION_LEVEL: Final = 9


def look_up(case: Case, clock: Clock) -> Json:
    """What the page needs to tell of every job what `explain` tells."""
    beyond = never_enqueued(case)
    names = [*case.history.jobs, *beyond]
    count = len(names)
    resolution_us = 1 if count <= MOST_EXACT_JOBS else 1000
    if count == 0:
        empty: Json = {"outcomes": [], "outcome_counts": [], "chunks": []}
        return {"count": 0, "resolution_us": resolution_us, **empty}
    outcomes, outcome = _outcomes(case, len(beyond))
    facts = job_facts(case, beyond)
    order = np.array(sorted(range(count), key=names.__getitem__), np.int64)
    columns = _Columns(case, clock, facts, outcome, resolution_us)
    return {
        "count": count,
        "resolution_us": resolution_us,
        "outcomes": outcomes,
        "outcome_counts": np.bincount(outcome, minlength=len(outcomes)).tolist(),
        "numbered": np.unique(facts.sentence[facts.number != NO_NUMBER]).tolist(),
        "final": [c for c, text in enumerate(facts.sentences) if text.startswith(AT_THE_END)],
        "sentences": facts.sentences,
        **columns.label_names,
        "chunks": [
            {"first": names[some[0]], "packed": packed(columns.of(some, names))}
            for some in _parts(order)
        ],
    }


def _parts(order: Ints) -> Iterator[Ints]:
    for begin in range(0, len(order), JOBS_A_CHUNK):
        yield order[begin : begin + JOBS_A_CHUNK]


def packed(content: Json) -> str:
    """JSON as a zlib stream in base64: what a browser's DecompressionStream("deflate") reads."""
    text = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
    return base64.b64encode(zlib.compress(text, COMPRESSION_LEVEL)).decode("ascii")


def _outcomes(case: Case, beyond: int) -> tuple[list[list[str]], Ints]:
    """Every distinct verdict with its flags, and by a job's number which one it has.

    The last `beyond` numbers are of jobs that were never enqueued.
    """
    in_flight = {job for death in case.deaths for job in death.phases}
    plain = plain_jobs(case.history, case.rules, in_flight)
    plain[case.unplanned_numbers()] = False
    seen = Interner()
    outcome = np.full(len(case.history.jobs), seen["completed once\n"], np.int64)
    for evidence in case.evidence(~plain):
        number = case.history.jobs.number(evidence.job_id)
        text = "unexpected: the workload never planned it\n"
        if evidence.planned:
            judgement = judge(evidence, case.rules)
            reason = f" ({words(judgement.reason)})" if judgement.reason else ""
            raised = ", ".join(map(words, flags(evidence, judgement, case.rules)))
            text = f"{words(judgement.verdict)}{reason}\n{raised}"
        outcome[number] = seen[text]
    if beyond:
        outcome = np.append(outcome, np.full(beyond, seen["never enqueued\n"], np.int64))
    return [text.split("\n") for text in seen], outcome


class _Columns:
    """The columns of any jobs."""

    def __init__(
        self, case: Case, clock: Clock, facts: JobFacts, outcome: Ints, resolution_us: int
    ) -> None:
        jobs = len(outcome)
        enqueues = case.history.enqueues
        labels = {"kinds": enqueues.kind, "classes": enqueues.job_class, "tenants": enqueues.tenant}
        self.label_names = {name: label.names for name, label in labels.items()}
        self._labels = {name: label.by_job(enqueues.job, jobs) for name, label in labels.items()}
        length_us = np.full(jobs, ABSENT, np.int64)
        np.maximum.at(length_us, enqueues.job, enqueues.length_us)
        self._length = np.where(length_us == ABSENT, ABSENT, -(-length_us // resolution_us))
        self._outcome = outcome
        self._facts = facts
        unit_ns = resolution_us * 1000
        self._at = (facts.t_ns - clock.origin_ns + unit_ns // 2) // unit_ns
        self._begin = np.searchsorted(facts.job, np.arange(jobs + 1))
        ends = [text.startswith(AT_THE_END) for text in facts.sentences]
        self._is_final = np.array(ends, np.bool_)[facts.sentence]

    def of(self, jobs: Ints, names: Sequence[str]) -> dict[str, Any]:
        """The columns of these jobs."""
        begin, end = self._begin[jobs], self._begin[jobs + 1]
        counts = end - begin
        first = np.cumsum(counts) - counts
        rows = np.repeat(begin - first, counts) + np.arange(int(counts.sum()))
        sentence, number = self._facts.sentence[rows], self._facts.number[rows]
        return {
            "id": _counted_on([names[job] for job in jobs.tolist()]),
            "outcome": self._outcome[jobs],
            **{name: np.ascontiguousarray(codes[jobs]) for name, codes in self._labels.items()},
            "length": self._length[jobs],
            "facts": counts,
            "at": _steps(self._at[rows], self._is_final[rows], first),
            "sentence": sentence,
            "number": np.diff(number[number != NO_NUMBER], prepend=0),
        }


def _counted_on(ids: Sequence[str]) -> list[int | str]:
    counted: list[int | str] = []
    last = 0
    for job_id in ids:
        index = stream_index(job_id)
        counted.append(job_id if index is None else index - last)
        last = last if index is None else index
    return counted


def _steps(at: Ints, is_final: Bools, first: Ints) -> Ints:
    """`first` = the places of the jobs' first facts."""
    steps = np.diff(at, prepend=0)
    opening = first[~is_final[first]]
    steps[opening] = np.diff(at[opening], prepend=0)
    steps[is_final] = np.diff(at[is_final], prepend=0)
    return steps
