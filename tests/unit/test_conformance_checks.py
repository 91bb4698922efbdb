"""Every check of conformance is tripped by the fault that it is there for, and by nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from orchestrator.commands.conformance.checks import NAMES
from orchestrator.commands.conformance.command import exit_code
from orchestrator.commands.conformance.finding import (
    TrialName,
)
from orchestrator.commands.conformance.run_facts import RunFacts
from orchestrator.commands.conformance.single_worker import DirectEvidence
from orchestrator.history.sessions import Session
from tests.unit import conformance_evidence as good
from tests.unit.conformance_plants import (
    answer,
    broken,
    counted_at_rescues,
    drop,
    first,
    job_that_fails,
    last,
    late_rescue,
    later,
    look,
    no_rescue,
    note,
    once_more,
    one_place_less,
    outcomes,
    part,
    poison,
    poison_row,
    poison_told_twice,
    retry_told,
    row,
    says_of_attempts,
    states,
    verdict,
)
from worker_child.adapters.contract import QueueCounts


def test_what_conforms_meets_every_check() -> None:
    found = outcomes(good.direct(), good.runs())

    assert [f.name for f in found.values() if f.outcome != "met"] == ["transaction"]
    assert found["transaction"].outcome == "not offered"
    assert [f for f in found.values() if f.outcome == "met" and f.reason] == []
    assert exit_code(list(found.values())) == 0


DIRECT_PLANTS: list[tuple[str, Callable[[DirectEvidence], object]]] = [
    ("settings", lambda seen: setattr(seen, "version", "")),
    ("settings", lambda seen: setattr(seen, "preset", replace(seen.preset, parity={}))),
    ("settings", lambda seen: setattr(seen, "preset", replace(seen.preset, settings={}))),
    ("rows waiting", lambda seen: look(seen, "waiting", rows=[])),
    ("rows waiting", lambda seen: look(seen, "waiting", some=[])),
    ("rows waiting", lambda seen: look(seen, "waiting", sighted={"h000001"})),
    ("rows waiting", lambda seen: look(seen, "waiting", counts=QueueCounts(1, 0, 0, 0, 0))),
    ("rows claimed", lambda seen: row(seen, state="queued")),
    ("rows claimed", lambda seen: row(seen, claimed_by="somebody else")),
    ("rows claimed", lambda seen: look(seen, "claimed", rows=[])),
    ("rows claimed", lambda seen: look(seen, "claimed", counts=QueueCounts(0, 0, 0, 0, 0))),
    ("acknowledges last", lambda seen: look(seen, "claimed", rows=[], sighted=set())),
    ("ready", lambda seen: setattr(seen, "started", {"h000000"})),
    ("ready", lambda seen: setattr(seen, "second_ready", False)),
    ("ready", lambda seen: setattr(seen, "ready", None)),
    ("sessions", lambda seen: setattr(seen, "unknown_sessions", [Session(2, "then")])),
    ("sessions", lambda seen: setattr(seen, "sessions", [])),
    ("connections", lambda seen: setattr(seen, "opened_ns", [-1, 250_000_000])),
    ("parent side", lambda seen: setattr(seen, "left_by_parent", ["/bin/sleep 600"])),
    ("dies with parent", lambda seen: setattr(seen, "left_after_kill_s", None)),
    ("end of stdin", lambda seen: setattr(seen, "eof_exit_code", None)),
    ("end of stdin", lambda seen: setattr(seen, "eof_exit_code", 0)),
]


@pytest.mark.parametrize(("check", "plant"), DIRECT_PLANTS)
def test_a_fault_of_a_held_worker_breaks_its_check(
    check: str, plant: Callable[[DirectEvidence], object]
) -> None:
    seen = good.direct()
    plant(seen)

    assert check in broken(seen, good.runs())


RUN_PLANTS: list[tuple[str, TrialName, Callable[[RunFacts], object]]] = [
    ("runs end", "crowded", lambda run: first(run, "child_exited", reason="died")),
    ("whole lines", "crowded", lambda r: note(r, "bad_line", {"slot": 0, "incarnation": 0})),
    ("every event", "crowded", lambda run: first(run, "child_ready", n=100)),
    ("every event", "crowded", lambda run: first(run, "child_ready", t_ns=10**12)),
    ("execution numbers", "crowded", lambda run: last(run, "job_started", execution=1)),
    ("execution numbers", "crowded", lambda run: last(run, "job_started", execution=9)),
    ("execution ends", "crowded", lambda run: drop(run, "job_completed")),
    ("execution ends", "crowded", lambda run: last(run, "job_completed", job_id="j000000")),
    ("effects", "crowded", lambda run: first(run, "row_read", effects=[])),
    ("effects", "crowded", lambda run: first(run, "row_read", effects=[[0, 0, 77]])),
    ("books", "crowded", lambda run: verdict(run, "j000000", "lost")),
    ("books", "crowded", lambda run: verdict(run, "j000000", "ambiguous")),
    ("books", "crowded", lambda run: run.jobs.pop()),
    ("nobody left", "held", lambda run: part(run, "fault_ended", survivors=[4712])),
    ("nobody left", "held", lambda run: part(run, "fault_ended", eof_ns=None)),
    ("nobody left", "held", lambda run: part(run, "fault_ended", signal=None)),
    ("sessions gone", "held", lambda run: part(run, "fault_injected", sessions=[])),
    ("sessions gone", "held", lambda run: part(run, "fault_injected", unknown_sessions=[{}])),
    ("sessions gone", "held", lambda run: part(run, "fault_ended", sessions_gone_ns=None)),
    ("killed at started", "held", lambda run: verdict(run, "h000000", "stranded")),
    ("killed at started", "held", lambda run: verdict(run, "h000001", "duplicated")),
    ("killed at effect", "held", lambda run: verdict(run, "h000002", "lost")),
    ("killed at completed", "held", lambda run: verdict(run, "h000004", "lost")),
    ("killed at return", "held", lambda run: verdict(run, "h000007", "pending")),
    ("rescue", "held", late_rescue),
    ("rescue", "held", no_rescue),
    ("rescue stated", "repeated", lambda run: states(run, rescue=None)),
    ("rescue attempts", "repeated", lambda run: counted_at_rescues(run, 1)),
    ("rescue attempts", "repeated", lambda run: counted_at_rescues(run, 1, [3])),
    ("rescue attempts", "repeated", lambda run: says_of_attempts(run, "yes: at the claim")),
    ("rescue attempts", "repeated", lambda run: says_of_attempts(run, "no attempts are counted")),
    ("rescue bound", "repeated", lambda run: later(run, "job_started", 2.0, [0, 1, 2])),
    ("rescue bound", "repeated", lambda run: later(run, "job_started", 7.0, [3])),
    ("rescue bound", "repeated", lambda run: drop(run, "job_started")),
    ("transaction", "held", lambda run: states(run, acknowledges_in_transaction=True)),
    ("delays", "failing", lambda run: retry_told(run, 0.5)),
    ("library attempts", "failing", lambda run: last(run, "job_started", library_attempt=7)),
    ("gives up", "failing", lambda run: once_more(run, poison(run))),
    ("gives up", "failing", lambda run: poison_row(run, "retrying")),
    ("gives up", "failing", poison_told_twice),
    ("cache answers", "cached", lambda run: answer(run, 4, sha256=None)),
    ("cache answers", "cached", lambda run: answer(run, 4, sha256="half", bytes=4)),
    ("cache hits", "cached", lambda run: answer(run, 1, outcome="hit")),
    ("cache hits", "cached", lambda run: answer(run, 5, outcome="miss")),
    ("cache misses", "cached", lambda run: run.of("job_started").append({"job_id": "j000001"})),
    ("concurrency reached", "crowded", one_place_less),
    ("stop", "crowded", lambda run: note(run, "stop_ignored", {})),
    ("stop", "crowded", lambda run: last(run, "row_read", state="claimed")),
    ("rows left", "crowded", lambda run: first(run, "row_read", state="queued")),
    ("rows left", "crowded", lambda run: last(run, "row_read", state="done")),
    ("rows left", "crowded", lambda run: last(run, "row_read", inbox_id="9")),
    ("attempts", "failing", lambda run: once_more(run, job_that_fails(*["transient"] * 3))),
    ("attempts", "failing", lambda run: once_more(run, job_that_fails("rate_limit"))),
    ("error classes", "failing", lambda run: first(run, "job_failed", error_class="unplanned")),
    ("permanent errors", "failing", lambda run: once_more(run, job_that_fails("permanent"))),
    ("decisions", "failing", lambda run: drop(run, "job_retried")),
    ("decisions", "failing", lambda run: drop(run, "job_discarded")),
]


@pytest.mark.parametrize(("check", "trial", "plant"), RUN_PLANTS)
def test_a_fault_in_a_run_breaks_its_check(
    check: str, trial: TrialName, plant: Callable[[RunFacts], object]
) -> None:
    runs = good.runs()
    plant(runs[trial])

    assert check in broken(good.direct(), runs)


def test_more_open_executions_than_allowed_break_their_check() -> None:
    runs = good.runs()
    crowded = runs["crowded"]
    workers = msgspec.structs.replace(crowded.scenario.workers, concurrency=3)
    scenario = msgspec.structs.replace(crowded.scenario, workers=workers)
    runs["crowded"] = replace(crowded, scenario=scenario)

    assert broken(good.direct(), runs) == {"concurrency kept"}


def test_every_check_has_a_fault_that_breaks_it() -> None:
    planted = {plant[0] for plant in [*DIRECT_PLANTS, *RUN_PLANTS]} | {"concurrency kept"}

    assert planted == set(NAMES)


def test_who_never_rescues_is_not_asked_to_and_may_leave_its_orphans_stranded() -> None:
    runs = good.runs()
    no_rescue(runs["held"])
    for job_id in ("h000000", "h000001"):
        verdict(runs["held"], job_id, "stranded")
    runs["held"] = replace(runs["held"], preset=good.NEVER_RESCUES)

    found = outcomes(good.direct(), runs)

    assert found["rescue"].outcome == found["killed at started"].outcome == "not offered"
    assert found["killed at effect"].outcome == "met"


def test_who_says_that_it_never_rescues_and_does_is_found_out() -> None:
    runs = good.runs()
    runs["held"] = replace(runs["held"], preset=good.NEVER_RESCUES)

    assert "rescue" in broken(good.direct(), runs)
