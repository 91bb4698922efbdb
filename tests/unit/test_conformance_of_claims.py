"""What an adapter claims is tested: claims that are not borne out are broken in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from orchestrator.commands.conformance.finding import (
    TrialName,
)
from orchestrator.commands.conformance.run_facts import RunFacts
from tests.unit import conformance_evidence as good
from tests.unit.conformance_plants import (
    broken,
    counted_at_rescues,
    last,
    later,
    note,
    outcomes,
    says_of_attempts,
    states,
)
from worker_child.protocol import Rescue


def _one_comes_back_late(run: RunFacts) -> None:
    """Of four orphans whose preset never rescues the last is run again, 25 s later."""
    states(run, rescue=None)
    again = [fields for fields in run.of("job_started") if fields["incarnation"]]
    run.lines["job_started"] = [f for f in run.of("job_started") if f not in again[:3]]
    later(run, "job_started", 22.5, [3])


def _counts_from_two(run: RunFacts) -> None:
    for fields in run.of("job_started"):
        fields["library_attempt"] += 2


def _three_of_four_spent(run: RunFacts) -> None:
    says_of_attempts(run, "yes")
    counted_at_rescues(run, 1, [0, 1, 2])


def _more_attempts_stated(run: RunFacts) -> None:
    workers = msgspec.structs.replace(run.scenario.workers, max_attempts=4)
    scenario = msgspec.structs.replace(run.scenario, workers=workers)
    object.__setattr__(run, "scenario", scenario)


def _done_and_claimed_for_ever(run: RunFacts) -> None:
    states(run, acknowledges_in_transaction=True)
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
    counted_at_rescues(runs["repeated"], 1)
    says_of_attempts(runs["repeated"], "yes, and its delay grows")

    assert outcomes(good.direct(), runs)["rescue attempts"].outcome == "met"


def test_of_a_library_that_does_not_count_nothing_is_said_about_attempts() -> None:
    runs = good.runs()
    counted_at_rescues(runs["repeated"], None)

    assert outcomes(good.direct(), runs)["rescue attempts"].outcome == "not offered"


def test_the_sentence_on_attempts_names_a_job_and_its_counts() -> None:
    runs = good.runs()
    counted_at_rescues(runs["repeated"], 1, [2])

    assert outcomes(good.direct(), runs)["rescue attempts"].reason == (
        "rescue_counts_as_attempt says 'no', and 1 of 4 orphans that came back had used up an "
        "attempt: library_attempt of j000002 was 0 and then 1"
    )


def test_a_bound_many_times_too_long_is_a_remark_that_says_what_was_seen() -> None:
    runs = good.runs()
    states(runs["repeated"], rescue=Rescue("its lease", 60.0, 0.0, 0.2))

    found = outcomes(good.direct(), runs)["rescue bound"]

    assert found.outcome == "met"
    assert found.reason == (
        "the stated bound is 24 times the longest seen: over 4 kills the first orphans were back "
        "after 2.5, 2.5, 2.5, 2.5 s, stated are at most 60.2 s"
    )


def test_one_late_orphan_of_four_is_noise_and_none_at_all_is_not() -> None:
    runs = good.runs()
    later(runs["repeated"], "job_started", 2.0, [0])
    assert outcomes(good.direct(), runs)["rescue bound"].outcome == "met"

    later(runs["repeated"], "job_started", 2.0, [1])
    assert outcomes(good.direct(), runs)["rescue bound"].outcome == "met"

    later(runs["repeated"], "job_started", 2.0, [2])
    assert "too short" in outcomes(good.direct(), runs)["rescue bound"].reason


def test_a_claimed_transaction_that_is_kept_is_met() -> None:
    runs = good.runs()
    run = runs["held"]
    states(run, acknowledges_in_transaction=True)
    for kind in ("job_started", "job_completed"):
        run.lines[kind] = [
            f for f in run.of(kind) if not f["incarnation"] or f["job_id"] <= "h000001"
        ]

    assert outcomes(good.direct(), runs)["transaction"].outcome == "met"


def test_what_the_library_forgets_at_its_stop_is_called_the_librarys() -> None:
    runs = good.runs()
    last(runs["crowded"], "row_read", state="claimed")

    found = outcomes(good.direct(), runs)["stop"]

    assert (found.outcome, found.of_library) == ("broken", True)
    assert found.reason.startswith("the library forgot what it had claimed: 1 rows")


def test_a_stop_that_is_ignored_as_well_is_not_called_the_librarys_alone() -> None:
    runs = good.runs()
    last(runs["crowded"], "row_read", state="claimed")
    note(runs["crowded"], "stop_ignored", {})

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
