"""Workers at a round trip where one row, one nanosecond or another number voids the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.checks.freeze import CHECKS
from analysis.checks.instants import PATIENCE_NS
from analysis.history.load import load
from analysis.summary.summary import analyse
from tests.histories.builder import Story
from tests.unit import test_pauses
from tests.unit.test_freeze_certificates import SEEN_ALL, delayed, frozen, stalled
from tests.unit.test_outages_of_a_database import outage
from tests.unit.test_rescuer_certificates import raced

Parts = dict[str, Any]
Plant = Callable[[], Story]
KILL = {"what": "kill", "at_s": 1.0}
ELSEWHERE = "Fault 1 stopped its worker at another round trip than was planned."
ROWLESS = "Fault 1 stopped its worker at a round trip without any rows."
NO_ACKNOWLEDGEMENT = (
    "Fault 1 stopped its worker where no row was changed: nothing was acknowledged."
)


def said(story: Story, folder: Path) -> list[str]:
    """By the checks of workers behind a proxy alone."""
    history = load(story.write(folder))
    return [sentence for check in CHECKS for sentence in check(history)]


def plan(story: Story) -> list[Parts]:
    entries: list[Parts] = story.first("run_start")["scenario"]["faults"]
    return entries


def numbered(story: Story, number: int) -> Story:
    """Its only fault has another number."""
    for _, fields in story.records:
        for name in ("fault", "after_fault"):
            if fields.get(name) == 0:
                fields[name] = number
    return story


def behind_another(story: Story) -> Story:
    """Its fault is the second; of the first one, at a round trip too, nothing is known."""
    first = dict(story.first("fault_injected"))
    first["parts"] = {"sessions": []}
    first["what"] = "kill"
    end = {**story.first("fault_ended"), "what": "kill", "parts": {}}
    numbered(story, 1)
    story.records.insert(-1, ("fault_injected", first))
    story.records.insert(-1, ("fault_ended", end))
    story.records.sort(key=lambda record: (record[0] == "run_end", record[1].get("fault", -1)))
    plan(story).insert(0, KILL)
    return story


def at(story: Story, planned: Parts, **seen: Any) -> Story:
    """Its fault was planned for one round trip, and met another one."""
    plan(story)[0]["at_point"] = planned
    story.first("fault_injected")["parts"]["at_point"].update(seen)
    return story


# Faults that no scenario plans, or that are of another sort


@pytest.mark.parametrize("plant", [frozen, stalled, delayed, raced])
@pytest.mark.parametrize("entries", [0, 1])
def test_a_fault_at_a_round_trip_whose_number_nobody_planned_voids_the_run(
    plant: Plant, entries: int, tmp_path: Path
) -> None:
    story = numbered(plant(), 1)
    del plan(story)[entries:]
    why = f"Fault 2 was injected; the scenario plans {entries} faults."
    assert why in analyse(story.write(tmp_path)).reasons


@pytest.mark.parametrize("plant", [frozen, stalled, delayed])
@pytest.mark.parametrize("number", [-2, -1])
def test_where_nothing_was_planned_a_number_may_lie_below_zero(
    plant: Plant, number: int, tmp_path: Path
) -> None:
    story = numbered(plant(), number)
    plan(story).clear()
    assert said(story, tmp_path) == []


@pytest.mark.parametrize("number", [-1, 1])
def test_of_a_number_that_nobody_planned_no_plan_is_broken(number: int, tmp_path: Path) -> None:
    story = numbered(frozen(), number)
    story.first("fault_injected")["parts"]["at_point"].update(statement="BEGIN", rows=0)
    assert said(story, tmp_path) == []
    unplanned = numbered(raced(), number)
    held = f"The rescuer of fault {number + 1} was held though nothing was planned so."
    assert said(unplanned, tmp_path) == [held]


@pytest.mark.parametrize(
    ("plant", "word"),
    [(test_pauses.story, "pause"), (lambda: outage("table_lock"), "table_lock")],
)
def test_a_fault_of_a_sort_that_waits_for_no_round_trip_is_said_to_have_met_none(
    plant: Plant, word: str, tmp_path: Path
) -> None:
    story = plant()
    story.first("fault_injected").update(trigger="point", biased=True)
    says = f"Fault 1 is a {word}, which waits for no round trip."
    assert said(story, tmp_path) == [says]
    assert says in analyse(story.write(tmp_path)).reasons


@pytest.mark.parametrize("plant", [test_pauses.story, lambda: outage("table_lock")])
def test_a_fault_that_waited_for_no_round_trip_may_be_of_any_sort(
    plant: Plant, tmp_path: Path
) -> None:
    assert said(plant(), tmp_path) == []


def test_a_kill_whose_end_is_that_of_a_pause_has_no_freeze(tmp_path: Path) -> None:
    story = frozen()
    story.first("fault_ended").update(what="pause", parts={})
    assert said(story, tmp_path) == []
    reasons = " ".join(analyse(story.write(tmp_path)).reasons)
    assert "its end is that of a pause" in reasons


def test_a_fault_of_which_no_end_is_told_has_no_freeze(tmp_path: Path) -> None:
    story = frozen()
    story.drop("fault_ended")
    assert said(story, tmp_path) == []


# Nothing of the victim comes after the freeze


@pytest.mark.parametrize("place", [lambda story: story, behind_another])
def test_a_line_of_the_victim_that_is_later_than_its_freeze_is_told_of_each_fault(
    place: Callable[[Story], Story], tmp_path: Path
) -> None:
    story = frozen()
    last_ns = max(
        fields["t_ns"]
        for kind, fields in story.records
        if kind.startswith("job_") and fields.get("incarnation") == 0
    )
    freeze = story.first("fault_ended")["parts"]["freeze"]
    place(story)
    freeze["frozen_ns"] = last_ns
    assert not any("connections had been frozen" in one for one in said(story, tmp_path))
    freeze["frozen_ns"] = last_ns - 1
    number = story.first("fault_ended", fault=1)["fault"] if place is behind_another else 0
    assert said(story, tmp_path)[0] == (
        f"The worker that fault {number + 1} killed wrote 1 lines after its connections had been "
        "frozen: it was not stopped where it seems."
    )


# Where the worker was stopped

FOLDED = {"statement": "COMMIT", "side": "before"}
ANY_ACKNOWLEDGEMENT = {"side": "after"}


@pytest.mark.parametrize(
    ("planned", "seen", "says"),
    [
        (FOLDED, {"phase": "started"}, []),
        (FOLDED, {"phase": "started", "rows": 0}, []),
        ({**FOLDED, "phase": "started"}, {"phase": "started"}, []),
        ({**FOLDED, "phase": "started"}, {"phase": "completed"}, [ELSEWHERE]),
        (FOLDED, {"statement": "BEGIN"}, [ELSEWHERE]),
        (FOLDED, {"side": "after"}, [ELSEWHERE]),
        (ANY_ACKNOWLEDGEMENT, {"side": "after", "statement": "BEGIN"}, []),
        (ANY_ACKNOWLEDGEMENT, {"side": "after", "phase": "started"}, [ELSEWHERE]),
        (ANY_ACKNOWLEDGEMENT, {"side": "after", "rows": 0}, [NO_ACKNOWLEDGEMENT]),
        (ANY_ACKNOWLEDGEMENT, {"side": "after", "rows": None}, []),
    ],
)
def test_a_worker_is_stopped_at_the_round_trip_that_was_planned(
    planned: Parts, seen: Parts, says: list[str], tmp_path: Path
) -> None:
    assert said(at(frozen(), planned, **seen), tmp_path) == says


@pytest.mark.parametrize("with_rows", [False, True])
@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("rows", [None, 0, 1])
def test_a_round_trip_with_rows_has_one_at_least_as_soon_as_that_can_be_known(
    with_rows: bool, side: str, rows: int | None, tmp_path: Path
) -> None:
    planned = {"statement": "COMMIT", "side": side, "with_rows": with_rows}
    lacks = with_rows and (rows == 0 or (rows is None and side == "after"))
    assert said(at(frozen(), planned, side=side, rows=rows), tmp_path) == [ROWLESS] * lacks


@pytest.mark.parametrize("known", ["neither", "planned", "seen"])
def test_where_a_round_trip_is_not_told_its_certificate_says_so_and_not_the_plan(
    known: str, tmp_path: Path
) -> None:
    story = at(frozen(), FOLDED, statement="BEGIN")
    if known != "planned":
        plan(story)[:] = [KILL]
    if known != "seen":
        del story.first("fault_injected")["parts"]["at_point"]
    assert said(story, tmp_path) == []


def test_each_fault_is_held_against_its_own_plan(tmp_path: Path) -> None:
    story = behind_another(at(frozen(), FOLDED, statement="BEGIN"))
    assert said(story, tmp_path) == [ELSEWHERE.replace("1", "2")]


# Where the rescuer was


def test_the_rescuer_of_each_stall_is_held_against_its_own_plan(tmp_path: Path) -> None:
    story = raced()
    del plan(story)[0]["rescuer_at"]
    behind_another(story)
    says = "The rescuer of fault 2 was held though nothing was planned so."
    assert said(story, tmp_path) == [says]


@pytest.mark.parametrize("with_rows", [False, True])
@pytest.mark.parametrize("rows", [None, 0, 1])
def test_a_rescuer_is_held_at_a_round_trip_with_rows_only_where_that_is_asked_for(
    with_rows: bool, rows: int | None, tmp_path: Path
) -> None:
    story = raced()
    plan(story)[0]["rescuer_at"]["with_rows"] = with_rows
    story.first("fault_ended")["parts"]["rescuer"]["at_point"]["rows"] = rows
    says = "The rescuer of fault 1 was held at a round trip without rows."
    assert said(story, tmp_path) == [says] * (with_rows and not rows)


def test_only_a_stall_has_a_rescuer(tmp_path: Path) -> None:
    story = raced()
    plan(story)[0] = KILL
    says = "The rescuer of fault 1 was held though nothing was planned so."
    assert said(story, tmp_path) == [says]


# When a delayed request was delivered


def late(story: Story, after_ready_ns: int) -> Story:
    """It is delivered so long after the next process was ready."""
    seen = story.first("fault_ended")
    ready_ns = story.first("child_ready", incarnation=1)["t_ns"]
    sent_ns = ready_ns + after_ready_ns
    seen["parts"]["delivery"].update(sent_ns=sent_ns, answered_ns=sent_ns)
    return story


TOO_EARLY = "was delivered before the next process of slot 0 was ready."
TOO_LATE = "was delivered long after it was to be."


@pytest.mark.parametrize("within_s", [0.5, 2.0, 3.0])
def test_a_delayed_request_comes_from_when_the_next_process_is_ready_until_patience_is_over(
    within_s: float, tmp_path: Path
) -> None:
    def told(after_ready_ns: int) -> list[str]:
        story = late(delayed(), after_ready_ns)
        plan(story)[0]["deliver_within_s"] = within_s
        return [one.partition("delayed ")[2] for one in said(story, tmp_path)]

    last_ns = round(within_s * 1e9) + PATIENCE_NS
    assert told(-1) == [TOO_EARLY]
    assert told(0) == told(last_ns) == []
    assert told(last_ns + 1) == [TOO_LATE]


def test_a_delayed_request_whose_slot_stays_empty_was_delivered_too_early(tmp_path: Path) -> None:
    story = delayed()
    for kind, fields in story.records:
        if kind == "child_ready" and fields["incarnation"] == 1:
            fields["incarnation"] = 2
    assert said(story, tmp_path)[0].endswith(TOO_EARLY)


@pytest.mark.parametrize("number", [-1, 0, 1])
def test_only_a_delivery_that_was_planned_has_a_latest_instant(number: int, tmp_path: Path) -> None:
    story = numbered(late(delayed(), 1000 * 1_000_000_000), number)
    assert bool(said(story, tmp_path)) is (number == 0)
    del plan(story)[0]["deliver_within_s"]
    assert said(story, tmp_path) == []


@pytest.mark.parametrize("what", ["nothing", "never sent"])
def test_each_delivery_is_held_against_its_own_plan(what: str, tmp_path: Path) -> None:
    story = behind_another(late(delayed(), -1))
    if what == "never sent":
        story.first("fault_ended", fault=0)["parts"]["delivery"] = {"why": "nobody was there"}
    (sentence,) = said(story, tmp_path)
    assert sentence.startswith("The request that fault 2 delayed") and TOO_EARLY in sentence


# Listings


@pytest.mark.parametrize("code", ["round_trips_listed", "rescuer_listed"])
def test_what_was_not_to_be_listed_may_be_told_or_not(code: str, tmp_path: Path) -> None:
    story = stalled()
    assert said(story, tmp_path) == []
    at_ns = story.first("run_end")["t_ns"] - 1
    line = {"t_ns": at_ns, "code": code, "detail": {**SEEN_ALL, "broken": 1}}
    story.records.insert(-1, ("note", line))
    assert said(story, tmp_path) == []


def test_all_that_a_listing_lacks_is_told(tmp_path: Path) -> None:
    story = stalled()
    plan(story)[0]["list_rescuer"] = True
    at_ns = story.first("run_end")["t_ns"] - 1
    detail = {"unexplained_bytes": 1, "broken": 1, "outside": [7], "sessions": 0}
    other = {"t_ns": at_ns, "code": "phase", "detail": {"phase": "drain"}}
    story.records.insert(-1, ("note", other))
    story.records.insert(-1, ("note", {"t_ns": at_ns, "code": "rescuer_listed", "detail": detail}))
    assert [one.rpartition(": ")[2] for one in said(story, tmp_path)] == [
        "bytes passed that the proxy did not understand.",
        "a connection was lost although nobody was harmed.",
        "a session of the worker did not go through the proxy.",
        "No session of the worker went through the proxy that lists its round trips.",
    ]
