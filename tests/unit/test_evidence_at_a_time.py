"""What a case hands out: evidence of so many jobs at a time, and numbers of those unplanned."""

from __future__ import annotations

from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from analysis.evidence.executions import Evidence
from analysis.history.columns import Bools
from analysis.ledger import case
from analysis.ledger.case import Case


class Ids:
    """So many ids, of which the last in number is the first in name."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def name(self, number: int) -> str:
        return f"h{self._count - 1 - number:06}"

    def number(self, job_id: str) -> int | None:
        number = self._count - 1 - int(job_id[1:])
        return number if number >= 0 else None


def case_of(count: int, *unplanned: str) -> Case:
    known: dict[str, Any] = dict.fromkeys(field.name for field in fields(Case))
    history = SimpleNamespace(jobs=Ids(count))
    return Case(**{**known, "history": history, "deaths": [], "unplanned": list(unplanned)})


def test_the_evidence_of_so_many_jobs_at_most_is_held_at_a_time_and_none_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held: list[list[int]] = []

    def fold(_history: object, _crew: object, wanted: Bools, _found: object) -> list[Evidence]:
        held.append(np.flatnonzero(wanted).tolist())
        return [Evidence(f"h{len(held)}")]

    monkeypatch.setattr(case, "fold", fold)
    monkeypatch.setattr(case, "JOBS_AT_ONCE", 2)
    found = list(case_of(6, "h2").evidence(np.array([1, 1, 0, 1, 1, 1], np.bool_)))

    assert held == [[4, 5], [1, 3], [0]]
    assert [(one.job_id, one.planned) for one in found] == [
        ("h1", True),
        ("h2", False),
        ("h3", True),
    ]


def test_the_jobs_that_nobody_planned_have_their_numbers() -> None:
    assert case_of(3, "h000000", "h000002").unplanned_numbers() == [2, 0]
    assert case_of(3, "h000000", "h000007").unplanned_numbers() == [2]
    assert case_of(3).unplanned_numbers() == []
