"""The ledger, its flags and the causes of duplicates where one thing more or less turns them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from analysis.evidence.deaths import Death
from analysis.evidence.executions import Enqueue, Evidence, Execution, Found, Phase, Row
from analysis.evidence.incarnations import Incarnation
from analysis.history.columns import worker_key
from analysis.ledger import ledger
from analysis.ledger.duplicates import duplicate_cause
from analysis.ledger.flags import FLAGS, flags, redelivered
from analysis.ledger.ledger import Judgement, Rules, any_overlap, judge
from orchestrator.history.records import ChildExited, FaultInjected
from orchestrator.history.rescuer import Rescuer
from worker_child.protocol import JobDiscarded, JobRetried

DIED_NS = 1_000_000_000
BOUND_S, MARGIN_S, LENGTH_US = 2.0, 0.5, 100
DEADLINE_NS = DIED_NS + 2_500_000_000 + LENGTH_US * 1000
ONCE, DISCARDED = Judgement("completed_once"), Judgement("discarded")


def rules(**changed: Any) -> Rules:
    plain: dict[str, Any] = {
        "effects": True,
        "rescues": True,
        "final_read": True,
        "effects_readable": True,
        "voids": {},
        "margin_s": MARGIN_S,
        "max_attempts": 3,
        "planned_errors": {"transient", "rate_limit", "permanent"},
    }
    return Rules(**(plain | changed))


def worker(slot: int = 0, number: int = 0, **changed: Any) -> Incarnation:
    """One that lives on."""
    plain: dict[str, Any] = dict.fromkeys(Incarnation.__dataclass_fields__)
    return Incarnation(**(plain | {"slot": slot, "number": number} | changed))


def victim(slot: int = 0, number: int = 0, **changed: Any) -> Incarnation:
    """One that a fault killed, with a survivor who had time to rescue."""
    fault = cast(FaultInjected, SimpleNamespace(t_ns=DIED_NS))
    dead: dict[str, Any] = {"fault": fault, "bound_s": BOUND_S, "rescuer": Rescuer(0, True)}
    return worker(slot, number, **(dead | changed))


def ran(number: int, started_ns: int | None, done_ns: int | None = None, **more: Any) -> Execution:
    plain: dict[str, Any] = {"slot": 0, "incarnation": 0, "effect": done_ns is not None}
    return Execution(number=number, started_ns=started_ns, completed_ns=done_ns, **(plain | more))


def job(*executions: Execution, row: Row | str | None = "done", **more: Any) -> Evidence:
    """A job that was enqueued once, with its executions and one row."""
    rows = [Row(cast(Any, row), 10**12, None, None)] if isinstance(row, str) else [row]
    plain: dict[str, Any] = {
        "enqueues": [Enqueue(0, LENGTH_US, 0)],
        "rows": [one for one in rows if one is not None],
    }
    return Evidence("j", executions=list(executions), **(plain | more))


def found(phase: Phase = "started", **changed: Any) -> Found:
    return Found(victim(**changed), phase)


def flag(name: str, evidence: Evidence, judgement: Judgement = ONCE, **changed: Any) -> bool:
    holds = FLAGS[name](evidence, judgement, rules(**changed))
    assert (name in flags(evidence, judgement, rules(**changed))) is holds
    return holds


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [
        (ran(0, 5), True),
        (ran(0, 5, failed_ns=10), False),
        (ran(0, 5, failed_ns=11), True),
        (ran(0, 5, 7, failed_ns=10), True),
        (ran(0, None, failed_ns=20), False),
    ],
    ids=["open", "failed by then", "failed later", "completed too", "never started"],
)
def test_a_start_is_a_redelivery_unless_all_before_had_failed(
    earlier: Execution, expected: bool
) -> None:
    assert redelivered(job(earlier, ran(1, 10, 12))) is expected
    assert flag("redelivered", job(earlier, ran(1, 10, 12))) is expected


def test_one_execution_is_no_redelivery() -> None:
    assert not redelivered(job(ran(0, 5, 7)))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (ran(0, 5, 10), ran(1, 10, 12), False),
        (ran(0, 5, 10), ran(1, 9, 12), True),
        (ran(0, 5), ran(1, 9, 12), True),
        (ran(0, 5, gone_ns=9), ran(1, 9, 12), False),
        (ran(0, None, 10), ran(1, 9, 12), False),
        (ran(0, 0, 10), ran(1, 10), False),
    ],
)
def test_two_overlap_where_one_starts_before_the_other_is_over(
    first: Execution, second: Execution, expected: bool
) -> None:
    assert any_overlap([first, second]) is expected
    assert flag("overlapping", job(first, second)) is expected


def test_a_short_execution_between_does_not_hide_an_overlap() -> None:
    assert any_overlap([ran(0, 0, 100), ran(1, 100, 101), ran(2, 100, 102)])
    assert any_overlap([ran(0, 0, 100), ran(1, None), ran(2, 50, 102)])
    assert not any_overlap([])


def test_finished_unacknowledged_is_what_a_death_found() -> None:
    assert flag("finished_unacknowledged", job(found=[found("finished_unacknowledged")]))
    assert not flag("finished_unacknowledged", job(found=[found("started")]))
    assert not flag("finished_unacknowledged", job())


def test_an_effect_may_lack_its_event_and_an_event_its_effect() -> None:
    assert flag("effect_without_event", job(ran(0, 5, effect=True)))
    assert not flag("effect_without_event", job(ran(0, 5, 6)))
    assert not flag("effect_without_event", job(ran(0, 5)))


def test_only_a_failure_after_the_first_completion_is_one_after_it() -> None:
    assert flag("failed_after_completed", job(ran(0, 1, 5), ran(1, 6, failed_ns=7)))
    assert not flag("failed_after_completed", job(ran(0, 1, 5), ran(1, 2, failed_ns=5)))
    assert not flag("failed_after_completed", job(ran(0, 1, failed_ns=5)))
    assert not flag("failed_after_completed", job(ran(0, 1, 5)))


@pytest.mark.parametrize(("times", "exceeded"), [(2, False), (3, False), (4, True)])
def test_attempts_are_exceeded_by_one_more_than_there_are(times: int, exceeded: bool) -> None:
    assert flag("attempts_exceeded", job(*(ran(n, n) for n in range(times)))) is exceeded


@pytest.mark.parametrize(
    ("evidence", "late"),
    [
        (job(ran(0, 1, DEADLINE_NS), found=[found()]), False),
        (job(ran(0, 1, DEADLINE_NS + 1), found=[found()]), True),
        (job(ran(0, 1, DEADLINE_NS + 1)), False),
        (job(ran(0, 1), found=[found()]), False),
        (job(ran(0, 1, DEADLINE_NS + 1), found=[found(bound_s=None)]), False),
        (job(ran(0, 1, DEADLINE_NS + 1), found=[found(), found(bound_s=9.0)]), False),
        (job(ran(0, 1, DEADLINE_NS + 1), found=[found(bound_s=9.0), found()]), True),
    ],
)
def test_late_is_one_nanosecond_behind_the_last_deaths_deadline(
    evidence: Evidence, late: bool
) -> None:
    assert flag("late", evidence) is late


@pytest.mark.parametrize("state", ["queued", "retrying", "claimed", "done", "dead", "absent"])
def test_a_job_is_still_owed_that_was_done_and_whose_row_says_otherwise(state: str) -> None:
    owed = state in ("queued", "retrying", "claimed")

    assert flag("still_owed", job(ran(0, 1, 2), row=state)) is owed
    assert not flag("still_owed", job(row=state), Judgement("pending"))


def test_a_job_was_given_up_by_a_crash_alone_where_it_never_failed() -> None:
    met = [found()]

    assert flag("by_crash_alone", job(found=met), DISCARDED)
    assert not flag("by_crash_alone", job(found=met), ONCE)
    assert not flag("by_crash_alone", job(), DISCARDED)
    assert not flag("by_crash_alone", job(found=[found(fault=None)]), DISCARDED)
    assert not flag("by_crash_alone", job(found=met, failures=1), DISCARDED)
    assert not flag("by_crash_alone", job(ran(0, 1, failed_ns=2), found=met), DISCARDED)
    assert flag("by_crash_alone", job(ran(0, 1), found=met), DISCARDED)


def failed(number: int, error: str) -> Execution:
    return ran(number, number, failed_ns=number, error_class=error)


@pytest.mark.parametrize(
    ("errors", "faults", "expected"),
    [
        (["transient"] * 3, 0, False),
        (["transient"] * 2, 0, True),
        (["transient"] * 2, 1, False),
        (["transient"], 1, True),
        (["transient", "transient", "unplanned"], 0, True),
        (["permanent"], 0, False),
        (["unplanned"], 2, True),
        ([], 1, False),
        ([], 0, True),
    ],
)
def test_a_discard_is_explained_by_its_plan_and_the_faults_together(
    errors: list[str], faults: int, expected: bool
) -> None:
    evidence = job(*(failed(n, e) for n, e in enumerate(errors)), found=[found()] * faults)

    assert flag("unexplained", evidence, DISCARDED) is expected
    assert not flag("unexplained", evidence, ONCE)


@pytest.mark.parametrize("errors", [["permanent"], ["transient"] * 3])
def test_errors_of_a_class_that_the_scenario_injects_nowhere_explain_no_discard(
    errors: list[str],
) -> None:
    evidence = job(*(failed(n, e) for n, e in enumerate(errors)))
    elsewhere = rules(planned_errors={"rate_limit"})

    assert "unexplained" in flags(evidence, DISCARDED, elsewhere)


def test_an_open_execution_explains_no_discard() -> None:
    assert flag("unexplained", job(ran(0, 1, error_class="permanent")), DISCARDED)


def test_a_queue_that_calls_a_finished_job_dead_is_flagged() -> None:
    assert flag("dead_though_done", job(ran(0, 1, 2), row="dead"))
    assert not flag("dead_though_done", job(ran(0, 1), row="dead"))
    assert not flag("dead_though_done", job(ran(0, 1, 2)))


def test_done_from_several_rows_counts_unless_it_was_enqueued_again() -> None:
    first, second = ran(0, 1, 2, inbox=7), ran(1, 3, 4, inbox=8)
    again = [Enqueue(0, 1, 0, worker=1), Enqueue(1, 1, 1, worker=1)]

    assert flag("several_rows", job(first, second))
    assert not flag("several_rows", job(first))
    assert not flag("several_rows", job(first, second, enqueues=again))


def held(by: Incarnation | None, t_ns: int = DEADLINE_NS + 1, **more: Any) -> Row:
    return Row("claimed", t_ns, "somebody", by, **more)


def test_who_holds_a_row_is_known_dead_or_unknown() -> None:
    assert flag("held_by_unknown", job(row=held(None)))
    assert not flag("held_by_unknown", job(row=held(victim())))
    assert not flag("held_by_unknown", job(row="done"))
    assert flag("blocks_capacity", job(row=held(victim())))
    assert not flag("blocks_capacity", job(row=held(worker())))
    assert not flag("blocks_capacity", job(row=held(None)))
    assert not flag("blocks_capacity", job(row=Row("done", 1, "somebody", victim())))


STOPPED = worker(exited=cast(ChildExited, SimpleNamespace(reason="stopped", t_ns=1)))


@pytest.mark.parametrize(
    ("row", "changed", "expected"),
    [
        (held(victim()), {}, Judgement("stranded", "dead_worker")),
        (held(victim(), DEADLINE_NS), {}, Judgement("pending", "bound_not_reached")),
        (held(victim(), 0), {"rescues": False}, Judgement("stranded", "dead_worker")),
        (held(victim(rescuer=None), 0), {}, Judgement("pending", "no_worker")),
        (held(victim(rescuer=None), 0), {"rescues": False}, Judgement("stranded", "dead_worker")),
        (held(victim(rescuer=Rescuer(0, False))), {}, Judgement("pending", "no_worker")),
        (
            held(victim(rescuer=Rescuer(0, False)), DEADLINE_NS),
            {},
            Judgement("pending", "bound_not_reached"),
        ),
        (held(victim(bound_s=None)), {}, Judgement("pending", "bound_not_reached")),
        (held(worker()), {}, Judgement("pending", "claimed")),
        (held(None), {}, Judgement("pending", "claimed")),
        (held(STOPPED), {}, Judgement("pending", "stopped")),
        ("queued", {}, Judgement("pending", "queued")),
        ("retrying", {}, Judgement("pending", "retrying")),
        ("dead", {}, Judgement("discarded")),
        ("done", {}, Judgement("lost")),
        ("done", {"effects": False}, Judgement("ambiguous", "done_unwitnessed")),
        ("absent", {}, Judgement("lost")),
        ("done", {"final_read": False}, Judgement("ambiguous", "row_read_failed")),
        ("done", {"effects_readable": False}, Judgement("ambiguous", "effects_unreadable")),
        ("done", {"effects_readable": False, "effects": False}, None),
    ],
)
def test_a_job_that_was_not_done_gets_the_verdict_of_its_row(
    row: Row | str, changed: dict[str, Any], expected: Judgement | None
) -> None:
    wanted = expected or Judgement("ambiguous", "done_unwitnessed")

    assert judge(job(ran(0, 1), row=row), rules(**changed)) == wanted


def test_one_row_without_anybody_leaves_the_others_bound() -> None:
    gone, alive = held(victim(rescuer=None), 0), held(victim(1), 0)

    assert judge(job(rows=[gone, gone]), rules()).reason == "no_worker"
    assert judge(job(rows=[gone, alive]), rules()).reason == "bound_not_reached"
    assert judge(job(rows=[alive, held(victim(1))]), rules()).verdict == "stranded"


VOID = {worker_key(3, 1): "ordinal_gap"}


@pytest.mark.parametrize(
    ("evidence", "void"),
    [
        (job(ran(0, 1, 2)), False),
        (job(ran(0, 1)), True),
        (job(ran(0, 1, 2, slot=3, incarnation=1)), True),
        (job(ran(0, 1, 2), row=held(worker(3, 1))), True),
        (job(ran(0, 1, 2), row=held(worker(3, 2))), False),
        (job(ran(0, 1, 2), retries=[JobRetried(1, "j", "x", slot=3, incarnation=1)]), True),
        (job(ran(0, 1, 2), discards=[JobDiscarded(1, "j", "x", slot=3, incarnation=1)]), True),
        (job(ran(0, 1, 2), discards=[JobDiscarded(1, "j", "x", slot=3)]), False),
        (job(ran(0, 1, 2), discards=[JobDiscarded(1, "j", "x", incarnation=1)]), False),
    ],
)
def test_a_void_incarnation_voids_what_it_touched_and_what_was_never_done(
    evidence: Evidence, void: bool
) -> None:
    judgement = judge(evidence, rules(voids=VOID))

    assert judgement == (Judgement("ambiguous", "ordinal_gap") if void else ONCE)
    assert judge(job(ran(0, 1)), rules()).verdict == "lost"


def test_the_first_void_incarnation_gives_the_reason() -> None:
    voids = {worker_key(3, 1): "later", worker_key(0, 0): "first"}

    assert judge(job(ran(0, 1)), rules(voids=voids)).reason == "first"


def test_a_completion_needs_its_effect_where_jobs_commit_effects() -> None:
    without = job(ran(0, 1, 2, effect=False))

    assert judge(without, rules()) == Judgement("ambiguous", "completed_without_effect")
    assert judge(without, rules(effects=False)) == ONCE
    assert judge(job(ran(0, 1, 2)), rules()) == ONCE
    assert judge(job(ran(0, 1, effect=True)), rules()) == ONCE
    assert judge(job(ran(0, 1, 2), enqueues=[]), rules()).reason == "enqueue_record_missing"


@pytest.mark.parametrize(
    ("last", "discards", "discarded"),
    [
        (None, [JobDiscarded(5, "j", "x")], True),
        (None, [JobDiscarded(5, "j", "x", slot=0, incarnation=0, execution=0)], False),
        (None, [], False),
        (ran(1, 5), [JobDiscarded(5, "j", "x")], False),
        (ran(1, 5), [JobDiscarded(6, "j", "x")], True),
        (ran(1, 5), [JobDiscarded(4, "j", "x", slot=0, incarnation=0, execution=1)], True),
        (ran(1, 5), [JobDiscarded(6, "j", "x", slot=0, incarnation=0, execution=0)], False),
        (ran(1, 5), [JobDiscarded(6, "j", "x", slot=0, incarnation=1, execution=1)], False),
        (ran(1, 5), [], False),
    ],
)
def test_the_last_discard_is_of_the_last_execution(
    last: Execution | None, discards: list[JobDiscarded], discarded: bool
) -> None:
    evidence = job(*([last] if last else []), row="absent", discards=discards)

    assert ledger.last_discarded(evidence) is ledger.ended_in_error(evidence) is discarded
    assert (judge(evidence, rules()).verdict == "discarded") is discarded
    assert ledger.final_status(evidence) == ("discarded" if discarded else "none")


def test_how_the_job_itself_ended() -> None:
    failing = job(ran(0, 1, failed_ns=2), row="absent")

    assert judge(failing, rules()) == DISCARDED
    assert ledger.final_status(failing) == "failed"
    assert ledger.final_status(job(row="dead")) == "discarded"
    assert ledger.final_status(job(ran(0, 1, 2), row="dead")) == "completed"
    assert ledger.final_status(job(ran(0, 1, failed_ns=2), ran(1, 3))) == "none"
    assert judge(job(ran(0, 1, failed_ns=2), row="done"), rules()).verdict == "lost"


TWICE = (ran(0, 1, 5, inbox=7), ran(1, 9, 12, inbox=7))
COORDINATED = [Enqueue(0, 1, 0, worker=1), Enqueue(1, 1, 1, worker=1)]


@pytest.mark.parametrize(
    ("evidence", "sort"),
    [
        (job(*TWICE), "sequential"),
        (job(ran(0, 1, 10), ran(1, 9, 12)), "concurrent"),
        (job(*TWICE, row=Row("done", 1, None, None, True)), "after_acknowledged"),
        (job(TWICE[0], ran(1, 9, 12, inbox=8)), "sequential"),
        (job(TWICE[0], ran(1, 9, 12, inbox=8), enqueues=COORDINATED), "re_enqueued"),
        (job(*TWICE, enqueues=COORDINATED), "sequential"),
    ],
)
def test_a_duplicate_is_of_the_first_sort_that_holds(evidence: Evidence, sort: str) -> None:
    assert judge(evidence, rules()) == Judgement("duplicated", sort)
    cause, _ = duplicate_cause(evidence, [])
    assert cause == ("re_enqueued" if sort == "re_enqueued" else "live")


def by(slot: int, number: int, started_ns: int | None, done_ns: int | None) -> Execution:
    more = {"slot": slot, "incarnation": number, "effect": True}
    return ran(0, started_ns, done_ns, **more)


def died(of: Incarnation, unknown: str | None = None) -> Death:
    return Death(of, {}, unknown, frozenset(), None)


MINE = by(0, 0, 1, 5)
UNSURE = "the claims are not known"
Cause = Callable[[Evidence, list[Death]], object]


@pytest.mark.parametrize(
    ("evidence", "death", "by_crash"),
    [
        (job(MINE, by(0, 1, DIED_NS - 9, DIED_NS + 1), found=[found()]), died(victim()), True),
        (job(MINE, by(0, 1, DIED_NS - 9, DIED_NS), found=[found()]), died(victim()), False),
        (job(MINE, by(0, 1, DIED_NS + 1, None), found=[found()]), died(victim()), True),
        (job(MINE, by(0, 1, DIED_NS, None), found=[found()]), died(victim()), False),
        (job(MINE, by(0, 1, None, None), found=[found()]), died(victim()), False),
        (job(MINE, by(1, 0, 1, DIED_NS + 1), found=[found()]), died(victim()), True),
        (job(MINE, by(0, 0, 1, DIED_NS + 1), found=[found()]), died(victim()), False),
        (job(by(1, 0, 1, 2), by(0, 1, 2, DIED_NS + 1), found=[found()]), died(victim()), False),
        (job(MINE, by(0, 1, DIED_NS + 1, DIED_NS + 2)), died(victim()), False),
        (job(MINE, by(0, 1, DIED_NS + 1, DIED_NS + 2)), died(victim(), UNSURE), True),
        (job(MINE, by(0, 1, DIED_NS, DIED_NS + 2)), died(victim(), UNSURE), False),
        (job(MINE, by(0, 0, DIED_NS + 1, DIED_NS + 2)), died(victim(), UNSURE), False),
        (
            job(MINE, by(0, 1, 2, 3), by(0, 2, DIED_NS + 1, DIED_NS + 2)),
            died(victim(), UNSURE),
            False,
        ),
        (
            job(MINE, by(0, 1, 2, 3), by(0, 2, 4, DIED_NS + 2), found=[found()]),
            died(victim()),
            True,
        ),
        (
            job(
                MINE,
                by(0, 1, DIED_NS + 1, DIED_NS + 2),
                row=Row("done", 1, None, None, picked_after_done=True),
            ),
            died(victim(), UNSURE),
            False,
        ),
        (
            job(MINE, by(0, 1, DIED_NS - 9, DIED_NS + 1), found=[found(number=4)]),
            died(victim()),
            False,
        ),
    ],
)
def test_a_duplicate_is_by_crash_where_the_victim_held_it_and_another_did_it_afterwards(
    evidence: Evidence, death: Death, by_crash: bool
) -> None:
    cause, whose = duplicate_cause(evidence, [died(victim(7, 7)), death])

    assert cause == ("by_crash" if by_crash else "live")
    assert whose == (death.victim if by_crash else None)
