"""One row a job, for other tools: CSV or JSON lines."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from io import TextIOBase
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from analysis.evidence.executions import Evidence
from analysis.ledger.case import Case, open_case
from analysis.ledger.flags import flags
from analysis.ledger.ledger import Judgement, final_status, judge
from analysis.section import seconds

COLUMNS = (
    "job_id",
    "intended_s",
    "sent_s",
    "acknowledged_s",
    "first_pickup_s",
    "completions_s",
    "final_status",
    "attempts",
    "verdict",
    "reason",
    "flags",
)


def job_rows(path: Path) -> Iterator[dict[str, Any]]:
    """All jobs of a history in the order of their ids; instants are seconds from T = 0.

    `completions_s` has one entry an attempt: null where it did not complete. Raises HistoryError,
    OSError.
    """
    case = open_case(path)
    return _rows(case)


def _rows(case: Case) -> Iterator[dict[str, Any]]:
    origin_ns = case.started_ns if case.started_ns is not None else case.history.start.t_ns
    for evidence in case.evidence(np.ones(len(case.history.jobs), np.bool_)):
        yield _row(evidence, case, origin_ns)


def _row(evidence: Evidence, case: Case, origin_ns: int) -> dict[str, Any]:
    def since_start(instants: Iterable[int | None]) -> float | None:
        first = min((t for t in instants if t is not None), default=None)
        return None if first is None else seconds(first - origin_ns)

    judgement = judge(evidence, case.rules) if evidence.planned else None
    values = (
        evidence.job_id,
        since_start(enqueue.intended_ns for enqueue in evidence.enqueues),
        since_start(enqueue.sent_ns for enqueue in evidence.enqueues),
        since_start(enqueue.acknowledged_ns for enqueue in evidence.enqueues),
        since_start(execution.started_ns for execution in evidence.executions),
        [since_start([execution.completed_ns]) for execution in evidence.executions],
        final_status(evidence),
        len(evidence.executions),
        judgement.verdict if judgement else "unexpected",
        judgement.reason if judgement else None,
        _flags(evidence, judgement, case),
    )
    return dict(zip(COLUMNS, values, strict=True))


def _flags(evidence: Evidence, judgement: Judgement | None, case: Case) -> list[str]:
    return flags(evidence, judgement, case.rules) if judgement else []


def write_csv(rows: Iterable[dict[str, Any]], file: TextIOBase) -> None:
    """Lists are joined by a semicolon; what is null is empty."""
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return ";".join("" if entry is None else str(entry) for entry in value)
    return "" if value is None else value


def write_jsonl(rows: Iterable[dict[str, Any]], file: TextIOBase) -> None:
    """One JSON object a line."""
    for row in rows:
        file.write(orjson.dumps(row).decode() + "\n")


FORMATS = {"csv": write_csv, "jsonl": write_jsonl}
"""By name: how the rows are written."""
