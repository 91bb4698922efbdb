"""The causes of live duplicates where one nanosecond more or less turns them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from analysis.evidence.executions import Execution
from analysis.evidence.fault_spans import FaultSpan
from analysis.evidence.incarnations import Incarnation, Incarnations
from analysis.history.columns import worker_key
from analysis.ledger.live_duplicates import LiveCauses
from tests.unit.ledger_evidence import by, job, worker

S = 1_000_000_000
BEGUN, TAKEN = 10 * S, 20 * S
FIRST = by(0, 0, BEGUN, 30 * S)
OTHER = by(1, 0, TAKEN, 25 * S)


def cause(
    *executions: Execution,
    spans: Sequence[FaultSpan] = (),
    crew: Sequence[Incarnation] = (),
    lease_s: float | None = None,
) -> str:
    members = {member.key: member for member in (worker(0), worker(1), *crew)}
    causes = LiveCauses(Incarnations(members.values(), []), spans, None, lease_s)
    return causes.cause(job(*(executions or (FIRST, OTHER))))


def span(
    began_ns: int,
    healed_ns: int | None,
    *slots: int,
    lets_go: bool = False,
    ends_process: bool = False,
) -> FaultSpan:
    return FaultSpan(
        fault=0,
        what="a fault",
        began_ns=began_ns,
        healed_ns=healed_ns,
        workers=frozenset(worker_key(slot, 0) for slot in slots),
        slots=frozenset(slots),
        ends_process=ends_process,
        lets_go=lets_go,
    )


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (span(BEGUN, TAKEN, 0), "pause"),
        (span(BEGUN, TAKEN, 1), "pause"),
        (span(BEGUN, TAKEN, 2), "rescue"),
        (span(BEGUN, TAKEN), "outage"),
        (span(TAKEN - 1, None, 0), "pause"),
        (span(TAKEN, None, 0), "rescue"),
        (span(1, BEGUN + 1, 0), "pause"),
        (span(1, BEGUN, 0), "rescue"),
        (span(BEGUN, TAKEN, 0, ends_process=True), "rescue"),
    ],
    ids=[
        "the first was held up",
        "the other was held up",
        "a third was held up",
        "nobody's in particular",
        "it began just before the job was taken",
        "it began as the job was taken",
        "it was over just after the first had begun",
        "it was over as the first began",
        "it was dead by it",
    ],
)
def test_a_fault_made_a_duplicate_that_was_on_between_the_two_starts(
    fault: FaultSpan, expected: str
) -> None:
    assert cause(spans=[fault]) == expected


@pytest.mark.parametrize(
    ("told_ns", "expected"), [(None, "drain"), (TAKEN - 1, "drain"), (TAKEN, "rescue")]
)
def test_a_worker_that_a_fault_lets_go_made_it_once_it_had_been_told(
    told_ns: int | None, expected: str
) -> None:
    """Where nobody knows when it was told, it was as the fault began."""
    deploy = span(BEGUN, None, 1, lets_go=True)

    assert cause(spans=[deploy], crew=[worker(1, told_ns=told_ns)]) == expected


def test_a_fault_that_lets_go_one_whom_no_line_tells_of_counts_from_its_begin() -> None:
    assert cause(FIRST, by(2, 0, TAKEN, 25 * S), spans=[span(BEGUN, None, 2, lets_go=True)]) == (
        "drain"
    )


@pytest.mark.parametrize(
    ("first", "told_ns", "expected"),
    [
        (FIRST, TAKEN - 1, "drain"),
        (FIRST, TAKEN, "rescue"),
        (by(0, 0, BEGUN, 15 * S), 15 * S - 1, "drain"),
        (by(0, 0, BEGUN, 15 * S), 15 * S, "rescue"),
    ],
)
def test_it_was_draining_where_it_was_told_before_the_other_took_it_and_before_it_was_done(
    first: Execution, told_ns: int, expected: str
) -> None:
    assert cause(first, OTHER, crew=[worker(0, told_ns=told_ns)]) == expected


def test_a_worker_that_no_line_tells_of_was_told_nothing() -> None:
    assert cause(by(5, 0, BEGUN, 30 * S), OTHER) == "rescue"


@pytest.mark.parametrize(
    ("slot", "leaderless_ns", "expected"),
    [
        (0, TAKEN - 1, "leaderless"),
        (0, TAKEN, "rescue"),
        (1, TAKEN - 1, "leaderless"),
        (1, TAKEN, "rescue"),
    ],
)
def test_a_leader_that_dies_as_the_other_takes_the_job_has_made_nothing(
    slot: int, leaderless_ns: int, expected: str
) -> None:
    assert cause(crew=[worker(slot, leaderless_ns=leaderless_ns)]) == expected


@pytest.mark.parametrize(
    ("taken_ns", "done_ns", "expected"),
    [
        (BEGUN + 3 * S, BEGUN + 3 * S + 1, "short_lease"),
        (BEGUN + 3 * S - 1, BEGUN + 3 * S + 1, "rescue"),
        (BEGUN + 3 * S, BEGUN + 3 * S, "rescue"),
    ],
    ids=["as the lease was over", "just within the lease", "done as the lease was over"],
)
def test_a_lease_was_too_short_for_what_still_ran_when_it_was_over(
    taken_ns: int, done_ns: int, expected: str
) -> None:
    first, other = by(0, 0, BEGUN, done_ns), by(1, 0, taken_ns, 40 * S)

    assert cause(first, other, lease_s=3.0) == expected
    assert cause(first, other) == "rescue"


@pytest.mark.parametrize(("taken_ns", "expected"), [(3 * S, "short_lease"), (3 * S - 1, "rescue")])
def test_one_whose_start_nobody_told_of_ran_from_the_beginning_of_the_clock(
    taken_ns: int, expected: str
) -> None:
    assert cause(by(0, 0, None, 30 * S), by(1, 0, taken_ns, 40 * S), lease_s=3.0) == expected


def test_who_started_at_the_same_instant_took_it_from_nobody() -> None:
    """The next one did, whom nothing had held up."""
    twin, next_ = by(1, 0, BEGUN, 12 * S), by(2, 0, TAKEN, 25 * S)

    assert cause(FIRST, twin, next_, spans=[span(1, None, 1)]) == "rescue"
    assert cause(FIRST, twin, next_, spans=[span(1, None, 2)]) == "pause"
