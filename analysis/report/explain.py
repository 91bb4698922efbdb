"""What happened to one job: its lines in the order of time, each with a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from analysis.errors import NoSuchJobError
from analysis.faults_named import fault_named, nth
from analysis.history.history import fact_order
from analysis.history.questions import Question, questions_of
from analysis.history.upgrade import read_fields
from analysis.ledger.case import Case, open_case
from analysis.ledger.flags import flags
from analysis.ledger.ledger import Verdict, judge
from analysis.summary.types import UnexpectedExit
from analysis.summary.verdict import unexpected_exits
from orchestrator.history.records import ChildExited, FaultInjected
from worker_child.protocol import Note

MEANINGS: dict[Verdict, str] = {
    "completed_once": "It was done once.",
    "duplicated": "It was done twice or more.",
    "lost": "The queue had taken it, has it no longer, and nobody ever did it.",
    "stranded": "A dead worker still holds it, and the time for its rescue is over.",
    "pending": "The queue was not done with it when the run ended.",
    "discarded": "The queue gave it up, and it was never done.",
    "ambiguous": "The evidence does not say what became of it.",
}
"""By verdict: what it says of a job."""
NEVER = "The queue is not known to have taken it."


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the history and what it says."""

    record: Any
    raw: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """One job's facts and what follows from them."""

    job_id: str
    verdict: str
    meaning: str
    """What the verdict says, in a sentence."""
    facts: list[Fact]
    started_ns: int
    unexpected_exits: tuple[UnexpectedExit, ...]
    """Of the whole run: what the workers that died unasked wrote may be why."""


def explain(path: Path, job_id: str) -> Explanation:
    """Gather all lines about a job, and those about the deaths that found it in flight.

    Raises HistoryError, OSError, NoSuchJobError.
    """
    case = open_case(path)
    number = case.history.jobs.number(job_id)
    facts = sorted(_facts(path, job_id, case), key=lambda fact: fact_order(fact.record))
    if number is None and not facts:
        raise NoSuchJobError(f"{path.name} has no line about job {job_id!r}; is the id complete?")
    verdict, meaning = ("never enqueued", NEVER) if number is None else _verdict(case, number)
    started_ns = case.started_ns or case.history.start.t_ns
    exits = unexpected_exits(case.history)
    return Explanation(job_id, verdict, meaning, facts, started_ns, exits)


def _verdict(case: Case, number: int) -> tuple[str, str]:
    wanted = np.zeros(len(case.history.jobs), np.bool_)
    wanted[number] = True
    evidence = next(case.evidence(wanted))
    if not evidence.planned:
        return "unexpected: the workload never planned it", "The run is void by it."
    judgement = judge(evidence, case.rules)
    raised = flags(evidence, judgement, case.rules)
    reason = f" ({judgement.reason})" if judgement.reason else ""
    verdict = f"{judgement.verdict}{reason}{'; flags: ' + ', '.join(raised) if raised else ''}"
    return verdict, MEANINGS[judgement.verdict]


class _Line(msgspec.Struct, frozen=True):
    kind: str
    fields: msgspec.Raw


def _facts(path: Path, job_id: str, case: Case) -> Iterator[Fact]:
    number = case.history.jobs.number(job_id)
    victims = {
        (death.victim.slot, death.victim.number)
        for death in case.deaths
        if number is not None and number in death.phases
    }
    needle = msgspec.json.encode(job_id)
    context = (b'"fault_injected"', b'"child_exited"')
    decoder = msgspec.json.Decoder(_Line)
    with path.open("rb") as file:
        for raw in file:
            if not raw.endswith(b"\n") or not any(text in raw for text in (needle, *context)):
                continue
            line = decoder.decode(raw)
            record = read_fields(line.kind, line.fields, case.history.version)
            ours = _job_id(record) == job_id
            if ours or not victims.isdisjoint(_whom(record)):
                yield Fact(record, raw.decode().rstrip("\n"), SENTENCES[line.kind](record))


def _job_id(record: Any) -> str | None:
    """The job that a line is about; of a note, the one whose question to a cache it tells of."""
    if isinstance(record, Note):
        return next((question.told.job_id for question in questions_of([record])), None)
    return getattr(record, "job_id", None)


def _whom(record: Any) -> set[tuple[int, int]]:
    """The incarnations whose end a line tells of."""
    if isinstance(record, FaultInjected):
        return {(worker.slot, worker.incarnation) for worker in record.target.workers}
    return {(record.slot, record.incarnation)} if isinstance(record, ChildExited) else set()


def _where(record: Any) -> str:
    if record.slot is None:
        return "the parent"
    return f"slot {record.slot} incarnation {record.incarnation}"


def _victims(record: Any) -> str:
    return " and ".join(map(_where, record.target.workers))


def _harmed(record: Any) -> str:
    """Killed only where the fault ended its process."""
    return "killed" if record.ends_process else f"hit by {fault_named(record.what, record.fault)}"


def _enqueued(record: Any) -> str:
    if record.outcome == "recovered":
        return "Nobody recorded its enqueue, but the queue has it: recovered from the plan."
    return f"The queue took the job as row {record.inbox_id}, enqueued by {_where(record)}."


def _row_read(record: Any) -> str:
    when = f"After kill {nth(record.fault)}" if record.read == "kill" else "At the end"
    held = f", held by {record.claimed_by}" if record.claimed_by else ""
    effects = committed_effects(len(record.effects))
    return f"{when} its row is {record.state}{held}, with {effects}."


def committed_effects(count: int) -> str:
    """How many, in words."""
    return f"{count} committed effect{'' if count == 1 else 's'}" if count else "no effect"


def sentence_of(question: Question) -> str:
    """What a caller of a cache was served."""
    told = question.told
    asked = f"Caller {told.caller} asked the cache for {told.address} ({told.outcome})"
    if not question.served:
        return f"{asked} and was served nothing: {told.error or 'no error text'}."
    what = "a wrong result" if question.wrong else "its result"
    return f"{asked} and was served {what}, {told.bytes:,} bytes."


SENTENCES: dict[str, Callable[[Any], str]] = {
    "job_enqueued": _enqueued,
    "enqueue_failed": lambda r: f"The enqueue was {r.outcome}: {r.error or 'no error text'}.",
    "job_started": lambda r: f"{_where(r)} entered the handler: execution {r.execution}.",
    "job_completed": lambda r: (
        f"{_where(r)} committed the effect of execution {r.execution} and is about to return."
    ),
    "job_failed": lambda r: (
        f"Execution {r.execution} of {_where(r)} ended in an error ({r.error_class})."
    ),
    "job_dying": lambda r: (
        f"Execution {r.execution} of {_where(r)} is about to kill its worker, as planned."
    ),
    "job_retried": lambda r: f"The library takes it for another attempt (by {r.observed_by}).",
    "job_discarded": lambda r: f"The library gave the job up (seen by {r.observed_by}).",
    "row_read": _row_read,
    "fault_injected": lambda r: (
        f"{_victims(r)} was {_harmed(r)} while the job was in flight in it."
    ),
    "child_exited": lambda r: f"{_where(r)} is gone: {r.reason}.",
    "note": lambda r: " ".join(map(sentence_of, questions_of([r]))),
}
"""By kind: what a line says of the job."""
