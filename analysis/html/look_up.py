"""All jobs of a run, packed: the page looks any of them up by its id.

Some thousand jobs at a time are columns of JSON, compressed; the page unpacks those that it is
asked for. Instants are microseconds since T = 0; where there are more than `MOST_EXACT_JOBS`,
milliseconds, and the page says so.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import orjson

from analysis.case import Case
from analysis.cells import words
from analysis.columns import ABSENT, Interner, Ints
from analysis.flags import flags
from analysis.html.job_facts import JobFacts, job_facts, never_enqueued
from analysis.html.plot import Clock, Json
from analysis.ledger import judge
from analysis.plain_jobs import plain_jobs

JOBS_A_CHUNK: Final = 4_000
MOST_EXACT_JOBS: Final = 200_000
COMPRESSION_LEVEL: Final = 9


def look_up(case: Case, clock: Clock) -> Json:
    """What the page needs to tell of every job what `explain` tells."""
    beyond = never_enqueued(case)
    names = [*case.history.jobs, *beyond]
    count = len(names)
    if count == 0:
        return {"count": 0, "chunks": []}
    resolution_us = 1 if count <= MOST_EXACT_JOBS else 1000
    outcomes, outcome = _outcomes(case, len(beyond))
    facts = job_facts(case, beyond)
    order = np.array(sorted(range(count), key=names.__getitem__), np.int64)
    columns = _Columns(case, clock, facts, outcome, resolution_us)
    return {
        "count": count,
        "resolution_us": resolution_us,
        "outcomes": outcomes,
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
    plain[case.strangers()] = False
    seen = Interner()
    outcome = np.full(len(case.history.jobs), seen["completed once\n"], np.int64)
    for evidence in case.evidence(~plain):
        number = case.history.jobs.number(evidence.job_id)
        told = "unexpected: the workload never planned it\n"
        if evidence.planned:
            judgement = judge(evidence, case.rules)
            reason = f" ({words(judgement.reason)})" if judgement.reason else ""
            raised = ", ".join(map(words, flags(evidence, judgement, case.rules)))
            told = f"{words(judgement.verdict)}{reason}\n{raised}"
        outcome[number] = seen[told]
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
        self._length_us = np.full(jobs, ABSENT, np.int64)
        np.maximum.at(self._length_us, enqueues.job, enqueues.length_us)
        self._outcome = outcome
        self._facts = facts
        unit_ns = resolution_us * 1000
        self._at = (facts.t_ns - clock.origin_ns + unit_ns // 2) // unit_ns
        self._begin = np.searchsorted(facts.job, np.arange(jobs + 1))

    def of(self, jobs: Ints, names: Sequence[str]) -> dict[str, Any]:
        """The columns of these jobs; instants are differences from the fact before."""
        begin, end = self._begin[jobs], self._begin[jobs + 1]
        counts = end - begin
        before = np.cumsum(counts) - counts
        rows = np.repeat(begin - before, counts) + np.arange(int(counts.sum()))
        return {
            "id": [names[job] for job in jobs.tolist()],
            "outcome": self._outcome[jobs],
            **{name: np.ascontiguousarray(codes[jobs]) for name, codes in self._labels.items()},
            "length_us": self._length_us[jobs],
            "facts": counts,
            "at": np.diff(self._at[rows], prepend=0),
            "sentence": self._facts.sentence[rows],
            "number": self._facts.number[rows],
        }
