"""Every check of conformance is tripped by the fault that it is there for, and by nothing else."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from io import StringIO
from typing import Any

import msgspec
import pytest
from rich.console import Console

from orchestrator.commands.conformance.checks import NAMES, chosen, judge_all, trials_for
from orchestrator.commands.conformance.checks_of_cache import CACHE
from orchestrator.commands.conformance.checks_of_rows import DIRECT
from orchestrator.commands.conformance.command import exit_code, print_findings
from orchestrator.commands.conformance.finding import (
    Finding,
    Outcome,
    TrialName,
    over_repetitions,
)
from orchestrator.commands.conformance.run_facts import RunFacts
from orchestrator.commands.conformance.single_worker import DirectEvidence
from orchestrator.errors import UnknownNameError
from orchestrator.history.records import Session
from tests.unit import conformance_evidence as good
from worker_child.adapters.contract import QueueCounts
from worker_child.protocol import Rescue

Runs = dict[TrialName, RunFacts]


def outcomes(direct: DirectEvidence | None, runs: Runs) -> dict[str, Finding]:
    return {finding.name: finding for finding in judge_all(NAMES, direct, runs, ["cache"])}


def broken(direct: DirectEvidence | None, runs: Runs) -> set[str]:
    found = outcomes(direct, runs)
    return {name for name, finding in found.items() if finding.outcome == "broken"}


def test_what_conforms_meets_every_check() -> None:
    found = outcomes(good.direct(), good.runs())

    assert [f.name for f in found.values() if f.outcome != "met"] == ["transaction"]
    assert found["transaction"].outcome == "not offered"
    assert [f for f in found.values() if f.outcome == "met" and f.reason] == []
    assert exit_code(list(found.values())) == 0


def _look(seen: DirectEvidence, name: str, **changes: Any) -> None:
    setattr(seen, name, replace(getattr(seen, name), **changes))


def _row(seen: DirectEvidence, **changes: Any) -> None:
    assert seen.claimed is not None
    first, *others = seen.claimed.rows
    _look(seen, "claimed", rows=[replace(first, **changes), *others])


DIRECT_PLANTS: list[tuple[str, Callable[[DirectEvidence], object]]] = [
    ("settings", lambda seen: setattr(seen, "version", "")),
    ("settings", lambda seen: setattr(seen, "preset", replace(seen.preset, parity={}))),
    ("settings", lambda seen: setattr(seen, "preset", replace(seen.preset, settings={}))),
    ("rows waiting", lambda seen: _look(seen, "waiting", rows=[])),
    ("rows waiting", lambda seen: _look(seen, "waiting", some=[])),
    ("rows waiting", lambda seen: _look(seen, "waiting", sighted={"h000001"})),
    ("rows waiting", lambda seen: _look(seen, "waiting", counts=QueueCounts(1, 0, 0, 0, 0))),
    ("rows claimed", lambda seen: _row(seen, state="queued")),
    ("rows claimed", lambda seen: _row(seen, claimed_by="somebody else")),
    ("rows claimed", lambda seen: _look(seen, "claimed", rows=[])),
    ("rows claimed", lambda seen: _look(seen, "claimed", counts=QueueCounts(0, 0, 0, 0, 0))),
    ("acknowledges last", lambda seen: _look(seen, "claimed", rows=[], sighted=set())),
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


def _part(run: RunFacts, kind: str, **values: Any) -> None:
    run.of(kind)[0]["parts"].update(values)


def _first(run: RunFacts, kind: str, **changes: Any) -> None:
    run.lines[kind][0].update(changes)


def _last(run: RunFacts, kind: str, **changes: Any) -> None:
    run.lines[kind][-1].update(changes)


def _verdict(run: RunFacts, job_id: str, verdict: str) -> None:
    for job in run.jobs:
        if job["job_id"] == job_id:
            job["verdict"] = verdict


def _late_rescue(run: RunFacts) -> None:
    for fields in run.of("job_started") + run.of("job_completed"):
        if fields["incarnation"] == 1:
            fields["t_ns"] += 30_000_000_000


def _no_rescue(run: RunFacts) -> None:
    for kind in ("job_started", "job_completed"):
        run.lines[kind] = [fields for fields in run.of(kind) if fields["incarnation"] == 0]


def _note(run: RunFacts, code: str, detail: dict[str, Any]) -> None:
    run.lines.setdefault("note", []).append(
        {"t_ns": 1, "code": code, "message": "so it is", "detail": detail}
    )


def _once_more(run: RunFacts, job_id: str) -> None:
    """The job is executed again, and fails as before."""
    n = max(fields["n"] for kind in run.lines for fields in run.of(kind) if "n" in fields)
    execution = max(fields["execution"] for fields in run.of("job_started")) + 1
    for kind in ("job_started", "job_failed"):
        like = next(fields for fields in run.of(kind) if fields["job_id"] == job_id)
        n += 1
        again = {**like, "n": n, "t_ns": like["t_ns"] + 10**9 + n, "execution": execution}
        run.lines[kind].append(again)


def _one_place_less(run: RunFacts) -> None:
    """The last job of each worker starts when the first has ended."""
    for worker in (0, 1):
        ends = [f for f in run.of("job_completed") if f["slot"] == worker]
        starts = [f for f in run.of("job_started") if f["slot"] == worker]
        starts[-1]["n"], ends[0]["n"] = ends[0]["n"], starts[-1]["n"]
        starts[-1]["t_ns"], ends[0]["t_ns"] = ends[0]["t_ns"], starts[-1]["t_ns"]


def _later(run: RunFacts, kind: str, by_s: float, slots: Collection[int] = range(9)) -> None:
    """Everything of this kind by successors, later."""
    for fields in run.of(kind):
        if fields["incarnation"] and fields["slot"] in slots:
            fields["t_ns"] += round(by_s * 1e9)


def _states(run: RunFacts, **changes: Any) -> None:
    """The preset states something else."""
    object.__setattr__(run, "preset", replace(run.preset, **changes))


def _says_of_attempts(run: RunFacts, words: str) -> None:
    _states(run, parity={**run.preset.parity, "rescue_counts_as_attempt": words})


def _counted_at_rescues(
    run: RunFacts, count: int | None, slots: Collection[int] = range(9)
) -> None:
    for fields in run.of("job_started"):
        if fields["incarnation"] and fields["slot"] in slots:
            fields["library_attempt"] = count


def _retry_told(run: RunFacts, delay_s: float) -> None:
    _first(run, "job_retried", delay_s=delay_s)


def _poison(run: RunFacts) -> str:
    return _job_that_fails("transient", "transient", "transient")


def _poison_row(run: RunFacts, state: str) -> None:
    for row in run.of("row_read"):
        if row["job_id"] == _poison(run):
            row["state"] = state


def _answer(run: RunFacts, place: int, **changes: Any) -> None:
    run.notes("cache_answered")[place]["detail"].update(changes)


def _poison_told_twice(run: RunFacts) -> None:
    told = next(f for f in run.of("job_discarded") if f["job_id"] == _poison(run))
    run.lines["job_discarded"].append(told)


def _job_that_fails(*classes: str) -> str:
    run = good.failing()
    failures: dict[str, list[str]] = {}
    for failed in run.of("job_failed"):
        failures.setdefault(failed["job_id"], []).append(failed["error_class"])
    return next(job_id for job_id, found in failures.items() if found == list(classes))


def _drop(run: RunFacts, kind: str) -> None:
    del run.lines[kind][-1]


RUN_PLANTS: list[tuple[str, TrialName, Callable[[RunFacts], object]]] = [
    ("runs end", "crowded", lambda run: _first(run, "child_exited", reason="died")),
    ("whole lines", "crowded", lambda r: _note(r, "bad_line", {"slot": 0, "incarnation": 0})),
    ("every event", "crowded", lambda run: _first(run, "child_ready", n=100)),
    ("every event", "crowded", lambda run: _first(run, "child_ready", t_ns=10**12)),
    ("execution numbers", "crowded", lambda run: _last(run, "job_started", execution=1)),
    ("execution numbers", "crowded", lambda run: _last(run, "job_started", execution=9)),
    ("execution ends", "crowded", lambda run: _drop(run, "job_completed")),
    ("execution ends", "crowded", lambda run: _last(run, "job_completed", job_id="j000000")),
    ("effects", "crowded", lambda run: _first(run, "row_read", effects=[])),
    ("effects", "crowded", lambda run: _first(run, "row_read", effects=[[0, 0, 77]])),
    ("books", "crowded", lambda run: _verdict(run, "j000000", "lost")),
    ("books", "crowded", lambda run: _verdict(run, "j000000", "ambiguous")),
    ("books", "crowded", lambda run: run.jobs.pop()),
    ("nobody left", "held", lambda run: _part(run, "fault_ended", survivors=[4712])),
    ("nobody left", "held", lambda run: _part(run, "fault_ended", eof_ns=None)),
    ("nobody left", "held", lambda run: _part(run, "fault_ended", signal=None)),
    ("sessions gone", "held", lambda run: _part(run, "fault_injected", sessions=[])),
    ("sessions gone", "held", lambda run: _part(run, "fault_injected", unknown_sessions=[{}])),
    ("sessions gone", "held", lambda run: _part(run, "fault_ended", sessions_gone_ns=None)),
    ("killed at started", "held", lambda run: _verdict(run, "h000000", "stranded")),
    ("killed at started", "held", lambda run: _verdict(run, "h000001", "duplicated")),
    ("killed at effect", "held", lambda run: _verdict(run, "h000002", "lost")),
    ("killed at completed", "held", lambda run: _verdict(run, "h000004", "lost")),
    ("killed at return", "held", lambda run: _verdict(run, "h000007", "pending")),
    ("rescue", "held", _late_rescue),
    ("rescue", "held", _no_rescue),
    ("rescue stated", "repeated", lambda run: _states(run, rescue=None)),
    ("rescue attempts", "repeated", lambda run: _counted_at_rescues(run, 1)),
    ("rescue attempts", "repeated", lambda run: _counted_at_rescues(run, 1, [3])),
    ("rescue attempts", "repeated", lambda run: _says_of_attempts(run, "yes: at the claim")),
    ("rescue attempts", "repeated", lambda run: _says_of_attempts(run, "no attempts are counted")),
    ("rescue bound", "repeated", lambda run: _later(run, "job_started", 2.0, [0, 1, 2])),
    ("rescue bound", "repeated", lambda run: _later(run, "job_started", 7.0, [3])),
    ("rescue bound", "repeated", lambda run: _drop(run, "job_started")),
    ("transaction", "held", lambda run: _states(run, acknowledges_in_transaction=True)),
    ("delays", "failing", lambda run: _retry_told(run, 0.5)),
    ("library attempts", "failing", lambda run: _last(run, "job_started", library_attempt=7)),
    ("gives up", "failing", lambda run: _once_more(run, _poison(run))),
    ("gives up", "failing", lambda run: _poison_row(run, "retrying")),
    ("gives up", "failing", _poison_told_twice),
    ("cache answers", "cached", lambda run: _answer(run, 4, sha256=None)),
    ("cache answers", "cached", lambda run: _answer(run, 4, sha256="half", bytes=4)),
    ("cache hits", "cached", lambda run: _answer(run, 1, outcome="hit")),
    ("cache hits", "cached", lambda run: _answer(run, 5, outcome="miss")),
    ("cache misses", "cached", lambda run: run.of("job_started").append({"job_id": "j000001"})),
    ("concurrency reached", "crowded", _one_place_less),
    ("stop", "crowded", lambda run: _note(run, "stop_ignored", {})),
    ("stop", "crowded", lambda run: _last(run, "row_read", state="claimed")),
    ("rows left", "crowded", lambda run: _first(run, "row_read", state="queued")),
    ("rows left", "crowded", lambda run: _last(run, "row_read", state="done")),
    ("rows left", "crowded", lambda run: _last(run, "row_read", inbox_id="9")),
    ("attempts", "failing", lambda run: _once_more(run, _job_that_fails(*["transient"] * 3))),
    ("attempts", "failing", lambda run: _once_more(run, _job_that_fails("rate_limit"))),
    ("error classes", "failing", lambda run: _first(run, "job_failed", error_class="unplanned")),
    ("permanent errors", "failing", lambda run: _once_more(run, _job_that_fails("permanent"))),
    ("decisions", "failing", lambda run: _drop(run, "job_retried")),
    ("decisions", "failing", lambda run: _drop(run, "job_discarded")),
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
    _no_rescue(runs["held"])
    for job_id in ("h000000", "h000001"):
        _verdict(runs["held"], job_id, "stranded")
    runs["held"] = replace(runs["held"], preset=good.NEVER_RESCUES)

    found = outcomes(good.direct(), runs)

    assert found["rescue"].outcome == found["killed at started"].outcome == "not offered"
    assert found["killed at effect"].outcome == "met"


def test_who_says_that_it_never_rescues_and_does_is_found_out() -> None:
    runs = good.runs()
    runs["held"] = replace(runs["held"], preset=good.NEVER_RESCUES)

    assert "rescue" in broken(good.direct(), runs)


def _one_comes_back_late(run: RunFacts) -> None:
    """Of four orphans whose preset never rescues the last is run again, 25 s later."""
    _states(run, rescue=None)
    again = [fields for fields in run.of("job_started") if fields["incarnation"]]
    run.lines["job_started"] = [f for f in run.of("job_started") if f not in again[:3]]
    _later(run, "job_started", 22.5, [3])


def _counts_from_two(run: RunFacts) -> None:
    for fields in run.of("job_started"):
        fields["library_attempt"] += 2


def _three_of_four_spent(run: RunFacts) -> None:
    _says_of_attempts(run, "yes")
    _counted_at_rescues(run, 1, [0, 1, 2])


def _more_attempts_stated(run: RunFacts) -> None:
    workers = msgspec.structs.replace(run.scenario.workers, max_attempts=4)
    scenario = msgspec.structs.replace(run.scenario, workers=workers)
    object.__setattr__(run, "scenario", scenario)


def _done_and_claimed_for_ever(run: RunFacts) -> None:
    _states(run, acknowledges_in_transaction=True)
    run.lines["job_started"] = [f for f in run.of("job_started") if not f["incarnation"]]
    for row in run.of("row_read"):
        if row["job_id"] == "h000002":
            row["state"] = "claimed"


BELIEVED: list[tuple[str, TrialName, Callable[[RunFacts], object], str]] = [
    ("rescue stated", "repeated", _one_comes_back_late, "1 of 4 orphans were run again by others"),
    ("rescue attempts", "repeated", _three_of_four_spent, "3 of 4 orphans that came back had used"),
    ("library attempts", "failing", _counts_from_two, "library_attempt begins with 2"),
    ("gives up", "failing", _more_attempts_stated, "the preset states 4 attempts"),
    (
        "transaction",
        "held",
        _done_and_claimed_for_ever,
        "has had its effect, and its row is claimed",
    ),
]


@pytest.mark.parametrize(("check", "trial", "plant", "says"), BELIEVED)
def test_a_claim_that_is_not_borne_out_is_broken_in_words(
    check: str, trial: TrialName, plant: Callable[[RunFacts], object], says: str
) -> None:
    runs = good.runs()
    plant(runs[trial])
    found = outcomes(good.direct(), runs)[check]

    assert found.outcome == "broken"
    assert says in found.reason


def test_a_rescue_that_costs_an_attempt_is_met_where_it_is_stated() -> None:
    runs = good.runs()
    _counted_at_rescues(runs["repeated"], 1)
    _says_of_attempts(runs["repeated"], "yes, and its delay grows")

    assert outcomes(good.direct(), runs)["rescue attempts"].outcome == "met"


def test_of_a_library_that_does_not_count_nothing_is_said_about_attempts() -> None:
    runs = good.runs()
    _counted_at_rescues(runs["repeated"], None)

    assert outcomes(good.direct(), runs)["rescue attempts"].outcome == "not offered"


def test_the_sentence_on_attempts_names_a_job_and_its_counts() -> None:
    runs = good.runs()
    _counted_at_rescues(runs["repeated"], 1, [2])

    assert outcomes(good.direct(), runs)["rescue attempts"].reason == (
        "rescue_counts_as_attempt says 'no', and 1 of 4 orphans that came back had used up an "
        "attempt: library_attempt of j000002 was 0 and then 1"
    )


def test_a_bound_many_times_too_long_is_a_remark_that_says_what_was_seen() -> None:
    runs = good.runs()
    _states(runs["repeated"], rescue=Rescue("its lease", 60.0, 0.0, 0.2))

    found = outcomes(good.direct(), runs)["rescue bound"]

    assert found.outcome == "met"
    assert found.reason == (
        "the stated bound is 24 times the longest seen: over 4 kills the first orphans were back "
        "after 2.5, 2.5, 2.5, 2.5 s, stated are at most 60.2 s"
    )


def test_one_late_orphan_of_four_is_noise_and_none_at_all_is_not() -> None:
    runs = good.runs()
    _later(runs["repeated"], "job_started", 2.0, [0])
    assert outcomes(good.direct(), runs)["rescue bound"].outcome == "met"

    _later(runs["repeated"], "job_started", 2.0, [1])
    assert outcomes(good.direct(), runs)["rescue bound"].outcome == "met"

    _later(runs["repeated"], "job_started", 2.0, [2])
    assert "too short" in outcomes(good.direct(), runs)["rescue bound"].reason


def test_a_claimed_transaction_that_is_kept_is_met() -> None:
    runs = good.runs()
    run = runs["held"]
    _states(run, acknowledges_in_transaction=True)
    for kind in ("job_started", "job_completed"):
        run.lines[kind] = [
            f for f in run.of(kind) if not f["incarnation"] or f["job_id"] <= "h000001"
        ]

    assert outcomes(good.direct(), runs)["transaction"].outcome == "met"


def test_what_the_library_forgets_at_its_stop_is_called_the_librarys() -> None:
    runs = good.runs()
    _last(runs["crowded"], "row_read", state="claimed")

    found = outcomes(good.direct(), runs)["stop"]

    assert (found.outcome, found.of_library) == ("broken", True)
    assert found.reason.startswith("the library forgot what it had claimed: 1 rows")


def test_a_stop_that_is_ignored_as_well_is_not_called_the_librarys_alone() -> None:
    runs = good.runs()
    _last(runs["crowded"], "row_read", state="claimed")
    _note(runs["crowded"], "stop_ignored", {})

    assert not outcomes(good.direct(), runs)["stop"].of_library


def test_a_runs_own_expectations_do_not_matter() -> None:
    runs = good.runs()
    for run in runs.values():
        assert run.summary is not None
        object.__setattr__(run.summary, "verdict", "fail")

    assert broken(good.direct(), runs) == set()


def test_claims_that_nobody_can_see_are_not_asked_for() -> None:
    seen = good.direct()
    seen.preset = replace(seen.preset, claims_visible=False)

    assert outcomes(seen, good.runs())["rows claimed"].outcome == "not offered"


def test_a_run_that_broke_off_leaves_the_rest_unchecked_and_says_why() -> None:
    runs = good.runs()
    runs["crowded"] = replace(runs["crowded"], complaint="the database has gone")

    found = outcomes(good.direct(), runs)

    assert found["runs end"].reason == "crowded: the database has gone"
    assert found["stop"].outcome == found["rows left"].outcome == "not checked"


def test_without_a_ready_worker_nothing_else_is_held_against_the_adapter() -> None:
    seen = good.direct()
    seen.ready, seen.not_ready = None, "no child_ready within 15 s"

    found = outcomes(seen, {})

    assert {name for name, f in found.items() if f.outcome == "broken"} == {"ready"}
    assert found["ready"].reason == "no child_ready within 15 s"
    assert exit_code(list(found.values())) == 1


def test_what_could_not_be_checked_is_no_success() -> None:
    found = outcomes(good.direct(), {})

    assert exit_code(list(found.values())) == 4


def test_only_the_trials_that_a_check_reads_are_carried_out() -> None:
    assert trials_for([check.name for check in DIRECT], []) == ["direct"]
    assert trials_for(["stop", "ready"], []) == ["direct", "crowded"]
    assert trials_for(NAMES, []) == ["direct", "repeated", "held", "failing", "crowded"]
    assert trials_for(["stop", "cache hits"], ["cache"]) == ["crowded", "cached"]


def test_what_a_library_does_not_offer_is_not_asked_of_it() -> None:
    found = {f.name: f for f in judge_all(NAMES, good.direct(), good.runs(), [])}

    assert {name for name, f in found.items() if f.outcome == "not offered"} == {
        "transaction",
        *(check.name for check in CACHE),
    }
    assert found["cache hits"].reason == "it does not offer cache"


def test_an_unknown_check_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match="sessions"):
        chosen(["session"])


def of(name: str, outcome: Outcome, reason: str = "") -> Finding:
    return Finding(name, "does so", outcome, reason)


def test_repetitions_that_agree_are_as_one_and_those_that_differ_are_named() -> None:
    first = [of("ready", "met"), of("stop", "met"), of("rescue", "not offered", "never rescues")]
    second = [of("ready", "met"), of("stop", "broken", "it stayed"), first[2]]
    ready, stop, rescue = over_repetitions([first, second, first])

    assert (ready, rescue) == (first[0], first[2])
    assert stop.outcome == "broken"
    assert stop.reason == (
        "the repetitions differ: broken in 1 of 3 (repetition 2); met in 2 of 3 (repetition 1, 3); "
        "it stayed"
    )
    assert exit_code([ready, stop, rescue]) == 1


def test_what_is_said_below_the_table_names_the_library_and_tells_remarks_from_breaks() -> None:
    console = Console(file=StringIO(), width=100)
    forgotten = replace(of("stop", "broken", "it forgot 3 rows"), of_library=True)
    findings = [forgotten, of("ready", "broken", "too soon"), of("rescue bound", "met", "is long")]

    print_findings(findings, "a_queue (tuned)", console)

    assert isinstance(console.file, StringIO)
    assert console.file.getvalue().splitlines()[-4:] == [
        "stop, broken by the library itself, not by its adapter: it forgot 3 rows",
        "ready, broken: too soon",
        "rescue bound, a remark: is long",
        "a_queue (tuned) does NOT conform: 2 of 3 are broken, 1 of them by the library itself",
    ]


def test_over_repetitions_it_is_the_librarys_where_it_was_so_whenever_it_was_broken() -> None:
    own = replace(of("stop", "broken", "forgot"), of_library=True)

    assert over_repetitions([[own], [of("stop", "met")]])[0].of_library
    assert not over_repetitions([[own], [of("stop", "broken", "stayed")]])[0].of_library


def test_what_could_not_be_checked_once_is_not_met() -> None:
    (found,) = over_repetitions([[of("stop", "met")], [of("stop", "not checked", "no end")]])
    assert (found.outcome, exit_code([found])) == ("not checked", 4)
