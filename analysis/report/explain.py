"""What happened to one job: its lines in the order of time, each with a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from analysis.errors import NoSuchJobError
from analysis.history.history import fact_order
from analysis.history.upgrade import read_fields
from analysis.ledger.case import Case, open_case
from analysis.ledger.flags import flags
from analysis.ledger.ledger import judge
from analysis.summary.types import UnexpectedExit
from analysis.summary.verdict import unexpected_exits
from orchestrator.history.records import ChildExited, FaultInjected


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
    verdict = "never enqueued" if number is None else _verdict(case, number)
    started_ns = case.started_ns or case.history.start.t_ns
    return Explanation(job_id, verdict, facts, started_ns, unexpected_exits(case.history))


def _verdict(case: Case, number: int) -> str:
    wanted = np.zeros(len(case.history.jobs), np.bool_)
    wanted[number] = True
    evidence = next(case.evidence(wanted))
    if not evidence.planned:
        return "unexpected: the workload never planned it"
    judgement = judge(evidence, case.rules)
    raised = flags(evidence, judgement, case.rules)
    reason = f" ({judgement.reason})" if judgement.reason else ""
    return f"{judgement.verdict}{reason}{'; flags: ' + ', '.join(raised) if raised else ''}"


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
            ours = getattr(record, "job_id", None) == job_id
            if ours or not victims.isdisjoint(_whom(record)):
                yield Fact(record, raw.decode().rstrip("\n"), SENTENCES[line.kind](record))


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


def _enqueued(record: Any) -> str:
    if record.outcome == "recovered":
        return "Nobody recorded its enqueue, but the queue has it: recovered from the plan."
    return f"The queue took the job as row {record.inbox_id}, enqueued by {_where(record)}."


def _row_read(record: Any) -> str:
    when = "After the kill" if record.read == "kill" else "At the end"
    held = f", held by {record.claimed_by}" if record.claimed_by else ""
    count = len(record.effects)
    effects = f"{count} committed effect{'s' * (count > 1)}" if count else "no effect"
    return f"{when} its row is {record.state}{held}, with {effects}."


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
    "job_retried": lambda r: f"The library takes it for another attempt (by {r.observed_by}).",
    "job_discarded": lambda r: f"The library gave the job up (seen by {r.observed_by}).",
    "row_read": _row_read,
    "fault_injected": lambda r: f"{_victims(r)} was killed while the job was in flight in it.",
    "child_exited": lambda r: f"{_where(r)} is gone: {r.reason}.",
}
"""By kind: what a line says of the job."""
