"""Everything that a history says of its jobs, a fact a row, for all jobs at once.

The sentences are those of `python -m analysis explain`. There are few distinct ones, since a number
that differs from job to job stands apart: `#` in a sentence is where it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np

from analysis.history.columns import ABSENT, EXECUTION_BITS, Interner, Ints, unpack_worker
from analysis.history.questions import questions_of
from analysis.history.tables import STATES, Ends
from analysis.ledger.case import Case
from analysis.report.explain import SENTENCES, committed_effects, sentence_of
from analysis.report.number_format import words
from orchestrator.history.records import EnqueueFailed
from worker_child.protocol import JobDiscarded, JobDying, JobRetried, Note

PLACE: Final = "#"
"""Where a fact's number goes in its sentence."""
NO_NUMBER: Final = -1
AT_THE_END: Final = "At the end"
"""How the sentences about the final read begin."""
INTENDED: Final = "It was intended to be enqueued now."
EXECUTION_MASK: Final = (1 << EXECUTION_BITS) - 1


@dataclass(frozen=True, slots=True)
class JobFacts:
    """One entry a fact, by job, and by time within a job."""

    job: Ints
    """The job's number in the history."""
    t_ns: Ints
    sentence: Ints
    """The place in `sentences`."""
    number: Ints
    """What goes where `PLACE` stands; `NO_NUMBER` = nothing does."""
    sentences: list[str]


class _Gatherer:
    """Takes columns of facts and sorts them all in the end."""

    def __init__(self) -> None:
        self._sentences = Interner()
        self._parts: list[tuple[Ints, Ints, Ints, Ints]] = []

    def add(
        self,
        job: Ints,
        t_ns: Ints,
        tell: Callable[..., str],
        by: tuple[Ints, ...] = (),
        number: Ints | None = None,
    ) -> None:
        """One fact an entry; `tell` makes the sentence from the values of `by`."""
        if not job.size:
            return
        distinct, which = _combinations(by, job.size)
        codes = np.array([self._sentences[tell(*values)] for values in distinct], np.int32)
        numbers = np.full(job.size, NO_NUMBER, np.int64) if number is None else number
        self._take(job, t_ns, codes[which], numbers)

    def add_some(self, facts: Iterable[tuple[int | None, int, str]]) -> None:
        """Facts one by one: the job's number (None is passed over), instant and sentence."""
        known = [(job, t_ns, self._sentences[text]) for job, t_ns, text in facts if job is not None]
        if known:
            job, t_ns, code = (np.array(column, np.int64) for column in zip(*known, strict=True))
            self._take(job, t_ns, code, np.full(job.size, NO_NUMBER, np.int64))

    def _take(self, job: Ints, t_ns: Ints, sentence: Ints, number: Ints) -> None:
        self._parts.append((job.astype(np.int32), t_ns, sentence.astype(np.int32), number))

    def sorted_facts(self) -> JobFacts:
        """All of it; what has the same instant keeps the order of the kinds of facts.

        Nothing here depends on the order of the history's lines.
        """
        lengths = [len(part[0]) for part in self._parts]
        columns = (np.concatenate(column) for column in zip(*self._parts, strict=True))
        self._parts.clear()
        job, t_ns, seen, number = columns
        stage = np.repeat(np.arange(len(lengths), dtype=np.int8), lengths)
        names = sorted(self._sentences)
        place = {text: code for code, text in enumerate(names)}
        sentence = np.array([place[text] for text in self._sentences], np.int32)[seen]
        order = np.lexsort((number, sentence, stage, t_ns, job))
        return JobFacts(job[order], t_ns[order], sentence[order], number[order], names)


def _combinations(by: tuple[Ints, ...], size: int) -> tuple[list[tuple[int, ...]], Ints]:
    """The distinct combinations of the columns' values, and which one each entry has."""
    values: list[list[int]] = []
    code = np.zeros(size, np.int64)
    for column in by:
        distinct, which = np.unique(column, return_inverse=True)
        values.append(distinct.tolist())
        code = code * len(distinct) + which
    seen, which = np.unique(code, return_inverse=True)
    combinations = list(product(*values))
    return [combinations[place] for place in seen.tolist()], which


def never_enqueued(case: Case) -> list[str]:
    """Ids of the jobs that only failed enqueues name; the history has no number for them."""
    named = {record.job_id for record in case.history.records.of(EnqueueFailed)}
    return sorted(job_id for job_id in named if case.history.jobs.number(job_id) is None)


def job_facts(case: Case, beyond: Sequence[str]) -> JobFacts:
    """All facts of all jobs of a run that has any.

    `beyond` = the ids that are numbered behind the history's own (see `never_enqueued`).
    """
    places = {job_id: len(case.history.jobs) + place for place, job_id in enumerate(beyond)}
    facts = _Gatherer()
    _enqueues(case, facts)
    _executions(case, facts)
    facts.add_some(_failed_enqueues(case, places))
    facts.add_some(_questions(case, places))
    facts.add_some(_rare(case))
    _final_rows(case, facts)
    return facts.sorted_facts()


def _who(worker: int) -> str:
    if worker == ABSENT:
        return "the parent"
    slot, incarnation = unpack_worker(worker)
    return f"slot {slot} incarnation {incarnation}"


def _enqueues(case: Case, facts: _Gatherer) -> None:
    t = case.history.enqueues
    facts.add(t.job, t.intended_ns, lambda: INTENDED)
    sent = t.sent_ns != ABSENT
    by_whom = (t.worker[sent],)
    facts.add(t.job[sent], t.sent_ns[sent], lambda w: f"Sent to the queue by {_who(w)}.", by_whom)
    taken_ns = np.where(t.acknowledged_ns == ABSENT, t.t_ns, t.acknowledged_ns)
    facts.add(t.job, taken_ns, _taken, (t.recovered,))


def _taken(recovered: int) -> str:
    if recovered:
        return "Nobody recorded its enqueue, but the queue has it: recovered from the plan."
    return "The queue took the job."


def _executions(case: Case, facts: _Gatherer) -> None:
    history = case.history

    def add(table: Ends, tell: Callable[..., str], *by: Ints) -> None:
        workers = table.key >> EXECUTION_BITS
        facts.add(table.job, table.t_ns, tell, (workers, *by), table.key & EXECUTION_MASK)

    add(history.starts, lambda w: f"{_who(w)} entered the handler: execution {PLACE}.")
    add(
        history.completions,
        lambda w: f"{_who(w)} committed the effect of execution {PLACE} and is about to return.",
    )
    classes = history.failures.error_class
    add(
        history.failures,
        lambda w, c: f"Execution {PLACE} of {_who(w)} ended in an error ({classes.names[c]}).",
        classes.code,
    )


def _failed_enqueues(
    case: Case, places: Mapping[str, int]
) -> Iterator[tuple[int | None, int, str]]:
    for record in case.history.records.of(EnqueueFailed):
        number = case.history.jobs.number(record.job_id)
        number = places[record.job_id] if number is None else number
        yield number, record.intended_ns, INTENDED
        yield number, record.t_ns, SENTENCES["enqueue_failed"](record)


def _questions(case: Case, places: Mapping[str, int]) -> Iterator[tuple[int | None, int, str]]:
    for question in questions_of(case.history.records.of(Note)):
        job_id = question.told.job_id
        number = case.history.jobs.number(job_id)
        number = places.get(job_id) if number is None else number
        yield number, question.answered_ns, sentence_of(question)


def _rare(case: Case) -> Iterator[tuple[int | None, int, str]]:
    """What comes by the dozen: each line by itself."""
    history = case.history
    kinds: dict[type[Any], str] = {
        JobDying: "job_dying",
        JobRetried: "job_retried",
        JobDiscarded: "job_discarded",
    }
    for record_type, kind in kinds.items():
        for record in history.records.of(record_type):
            yield history.jobs.number(record.job_id), record.t_ns, SENTENCES[kind](record)
    for death in case.deaths:
        who = _who(death.victim.key)
        how = "was killed" if death.victim.fault is not None else "died unasked"
        for job, phase in sorted(death.phases.items()):
            sentence = f"{who} {how} while the job was in flight in it ({words(phase)})."
            yield job, death.victim.died_ns, sentence
    for read in history.kill_reads:
        if read.job_id is not None:
            yield history.jobs.number(read.job_id), read.t_ns, SENTENCES["row_read"](read)


def _final_rows(case: Case, facts: _Gatherer) -> None:
    """The rows of the final read; the first of each job with the number of its effects."""
    history, rows = case.history, case.history.rows
    effects = np.zeros(len(rows.job), np.int64)
    jobs, first = np.unique(rows.job, return_index=True)
    effects[first] = np.bincount(history.effects.job, minlength=len(history.jobs))[jobs]

    def tell(state: int, claimant: int, count: int) -> str:
        held = f", held by {history.identities[claimant]}" if claimant != ABSENT else ""
        effects_of = committed_effects(count)
        return f"{AT_THE_END} its row is {STATES[state]}{held}, with {effects_of}."

    facts.add(rows.job, rows.t_ns, tell, (rows.state, rows.claimant, effects))
