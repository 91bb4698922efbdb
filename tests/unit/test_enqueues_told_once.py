"""What was put into the queue, where one line more or less makes them contradict each other."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pytest

from analysis.checks.enqueues import CHECKS
from analysis.history.columns import ABSENT, digests
from orchestrator.history.records import EnqueueFailed
from tests.unit.stand_in_history import stand_in

Outcome = Literal["deduplicated", "rejected", "indeterminate"]
TWICE = "{} jobs were accepted twice from the parent: {}."
RECOVERED = "Jobs were recovered although their enqueue is told of: {}."


class Jobs:
    """Jobs by their numbers: 3 is j3."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def name(self, number: int) -> str:
        return f"j{number}"

    def number(self, name: str) -> int | None:
        number = int(name.removeprefix("j"))
        return number if number < self._count else None


def enqueue(job: int, row: str | None = None, **changed: Any) -> dict[str, Any]:
    """An enqueue by the parent, into a row of its own unless one is named."""
    told = {"worker": ABSENT, "recovered": 0, "kind": "update", "tenant": "t0"}
    return {"job": job, "row": f"row-{job}" if row is None else row, **told, **changed}


def recovered(job: int, row: str | None = None) -> dict[str, Any]:
    return enqueue(job, row, recovered=1)


def failed(job: int, outcome: Outcome, into: str | None = None) -> EnqueueFailed:
    return EnqueueFailed(1, f"j{job}", outcome, 1, 1, into)


def said(
    lines: Sequence[dict[str, Any]],
    *failures: EnqueueFailed,
    rows: Sequence[str] = (),
) -> list[str]:
    """What the checks say of these enqueues; `rows` = those that the final read found besides."""
    kinds = sorted({line["kind"] for line in lines})

    def column(values: Sequence[int]) -> Any:
        return np.array(values, np.int64)

    found = digests([line["row"] for line in lines])
    enqueues = SimpleNamespace(
        job=column([line["job"] for line in lines]),
        worker=column([line["worker"] for line in lines]),
        recovered=column([line["recovered"] for line in lines]),
        inbox=np.where([line["row"] == "" for line in lines], ABSENT, found),
        kind=SimpleNamespace(names=kinds, code=column([kinds.index(x["kind"]) for x in lines])),
        tenant=SimpleNamespace(code=column([0 if x["tenant"] else ABSENT for x in lines])),
    )
    history = stand_in(
        *failures,
        enqueues=enqueues,
        rows=SimpleNamespace(inbox=digests(list(rows))),
        jobs=Jobs(10),
    )
    return [sentence for check in CHECKS for sentence in check(history)]


def test_each_job_once_says_nothing() -> None:
    assert said([enqueue(0), enqueue(1)], failed(2, "rejected")) == []


def test_kinds_of_tenants_and_kinds_of_the_system_stand_beside_each_other() -> None:
    lines = [
        enqueue(0),
        enqueue(1),
        enqueue(2, kind="rollup", tenant=None),
        enqueue(3, kind="snapshot", tenant=None),
        enqueue(4, kind="deliver"),
    ]
    assert said(lines) == []


def test_a_job_that_lacks_the_tenant_that_others_of_its_kind_have_is_told() -> None:
    lines = [enqueue(0), enqueue(1, tenant=None), enqueue(2, kind="rollup", tenant=None)]
    lacking = "Some jobs of the kind update lack the tenant that others have."

    assert said(lines) == [lacking]


def test_a_job_that_the_parent_enqueued_twice_is_named() -> None:
    assert said([enqueue(0), enqueue(0, "another"), enqueue(1)]) == [TWICE.format(1, "j0")]


def test_only_the_parent_enqueues_a_job_once() -> None:
    """A coordinator that is executed again enqueues its children again."""
    lines = [enqueue(0, worker=5), enqueue(0, "another", worker=5), enqueue(0, "third")]
    assert said(lines) == []


def test_a_job_recovered_from_a_row_that_nobody_told_of_is_no_contradiction() -> None:
    assert said([enqueue(0), recovered(1)]) == []
    assert said([recovered(1)]) == []


def test_a_job_recovered_from_a_row_whose_enqueue_is_told_of_is_named() -> None:
    lines = [enqueue(0, "shared"), recovered(1, "shared"), recovered(2)]
    assert said(lines) == [RECOVERED.format("j1")]


def test_enqueues_without_a_row_share_none() -> None:
    assert said([enqueue(0, ""), recovered(1, "")]) == []


@pytest.mark.parametrize("outcome", ["rejected", "indeterminate", "deduplicated"])
def test_a_job_was_accepted_or_its_enqueue_failed(outcome: Outcome) -> None:
    assert said([enqueue(0), enqueue(1)], failed(1, outcome)) == [
        f"j1 was accepted, and {outcome} as well."
    ]


def test_one_that_was_recovered_may_have_had_no_answer() -> None:
    assert said([enqueue(0), recovered(1)], failed(1, "indeterminate")) == []


def test_a_refused_job_that_nobody_else_tells_of_was_not_accepted() -> None:
    assert said([enqueue(0)], failed(99, "rejected")) == []


@pytest.mark.parametrize("times", [1, 2, 3])
def test_an_enqueue_fails_once(times: int) -> None:
    told = [f"The enqueue of j1 failed {times} times; it was sent once."] if times > 1 else []
    assert said([enqueue(0)], *[failed(1, "rejected")] * times) == told


@pytest.mark.parametrize(
    ("into", "told"),
    [
        ("row-0", []),
        ("row-read-at-the-end", []),
        ("nowhere", ["j1 was deduplicated into the row 'nowhere', which no line names."]),
    ],
)
def test_a_job_is_deduplicated_into_a_row_that_some_line_names(into: str, told: list[str]) -> None:
    found = said([enqueue(0)], failed(1, "deduplicated", into), rows=["row-read-at-the-end"])
    assert found == told


def test_each_is_held_against_the_row_that_it_was_deduplicated_into() -> None:
    several = failed(1, "deduplicated", "nowhere"), failed(2, "deduplicated", "row-0")
    unsaid = failed(3, "deduplicated")

    assert said([enqueue(0)], unsaid, *several) == [
        "j1 was deduplicated into the row 'nowhere', which no line names."
    ]


@pytest.mark.parametrize("outcome", ["rejected", "indeterminate"])
def test_only_what_was_deduplicated_went_into_a_row_of_another(outcome: Outcome) -> None:
    assert said([enqueue(0)], failed(1, outcome, "row-0")) == [
        f"j1 was {outcome}, and deduplicated into a row."
    ]
