"""The ledger's verdicts where one thing more or less turns them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from analysis.evidence.executions import Evidence, Execution, Row
from analysis.evidence.incarnations import Incarnation
from analysis.history.columns import worker_key
from analysis.ledger import ledger
from analysis.ledger.ledger import Judgement, judge
from orchestrator.history.records import ChildExited
from orchestrator.history.rescuer import Rescuer
from tests.unit.ledger_evidence import (
    DEADLINE_NS,
    DISCARDED,
    ONCE,
    flag,
    job,
    ran,
    rules,
    victim,
    worker,
)
from worker_child.protocol import JobDiscarded, JobRetried


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
