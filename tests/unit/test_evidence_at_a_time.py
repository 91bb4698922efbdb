"""Of how many jobs a case holds the evidence at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from analysis.evidence.executions import Evidence
from analysis.history.columns import Bools
from analysis.history.history import History
from analysis.ledger import case
from tests.histories.stories import healthy


class Ids:
    """So many ids, of which the last in number is the first in name."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def name(self, number: int) -> str:
        return f"h{self._count - number:06}"


def test_evidence_of_twenty_thousand_jobs_at_most_is_held_at_a_time_and_none_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[list[int]] = []

    def fold(_history: object, _crew: object, wanted: Bools, _found: object) -> list[Evidence]:
        held.append(np.flatnonzero(wanted).tolist())
        return [Evidence(f"of {len(held)}")]

    monkeypatch.setattr(case, "fold", fold)
    few = case.open_case(healthy().write(tmp_path))
    many: Any = SimpleNamespace(jobs=Ids(40_001))
    found = list(replace(few, history=cast(History, many)).evidence(np.ones(40_001, np.bool_)))

    assert [len(numbers) for numbers in held] == [20_000, 20_000, 1]
    assert (held[0][0], held[1][0], held[2]) == (20_001, 1, [0])
    assert [one.job_id for one in found] == ["of 1", "of 2", "of 3"]
