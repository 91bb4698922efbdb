"""A kill at a round trip: what its certificate needs beyond that of any kill."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.compare.crash_points import judge_point
from analysis.summary.summary import analyse
from tests.histories.builder import Story
from tests.histories.planted import PLANTED
from tests.histories.stories import A, B, crash

STATEMENT = "COMMIT"
Parts = dict[str, Any]


def frozen() -> Story:
    """The crash, its kill at a round trip of the first worker."""
    story = crash()
    sent, seen = story.first("fault_injected"), story.first("fault_ended")
    at_ns = sent["t_ns"] - 1000
    sent.update(trigger="point", biased=True, intended_ns=at_ns)
    sent["parts"]["at_point"] = {
        "statement": STATEMENT,
        "sql": STATEMENT,
        "phase": "completed",
        "side": "before",
        "rows": 2,
    }
    seen["parts"]["freeze"] = {
        "frozen_ns": sent["t_ns"] - 500,
        "looked_ns": seen["parts"]["reaped_ns"] + 10,
        "passed_bytes": 0,
        "backend_pids": [7],
    }
    story.first("run_start")["scenario"]["faults"] = [
        {
            "what": "kill",
            "at_point": {
                "statement": STATEMENT,
                "phase": "completed",
                "side": "before",
                "with_rows": True,
            },
        }
    ]
    return story


@pytest.mark.parametrize(("rows", "verdict"), [(0, "invalid"), (1, "pass"), (None, "pass")])
def test_an_acknowledgement_that_changed_no_row_was_none(
    rows: int | None, verdict: str, tmp_path: Path
) -> None:
    story = frozen()
    story.first("fault_injected")["parts"]["at_point"].update(side="after", rows=rows)
    (planned,) = story.first("run_start")["scenario"]["faults"]
    planned["at_point"] = {"side": "after"}
    summary = analyse(story.write(tmp_path))
    assert summary.verdict == verdict, summary.reasons
    said = "where no row was changed: nothing was acknowledged" in " ".join(summary.reasons)
    assert said is (rows == 0)


def test_a_kill_at_a_round_trip_is_certified(tmp_path: Path) -> None:
    summary = analyse(frozen().write(tmp_path))
    assert summary.verdict == "pass", summary.reasons
    assert (summary.recovery[0].trigger, summary.recovery[0].late) == ("point", False)


def stalled(*, dies: bool = False) -> Story:
    """B's worker stands still at a round trip while another one runs B too, and comes back; or it
    has only claimed B, and dies while it stands still."""
    story = Story()
    first = story.worker()
    story.enqueue(A, B)
    first.run(A)
    if not dies:
        first.start(B)
    second = story.worker(slot=1)
    begun_ns = story.now_ns
    second.run(B)
    if dies:
        story.exit(first, "died", exit_code=1)
    released_ns = story.now_ns
    if not dies:
        first.complete(B)
        story.exit(first)
    story.exit(second)
    story.end()
    target = {"kind": "worker", "slot": 0, "incarnation": 0, "pid": first.pid}
    common = {"fault": 0, "what": "stall", "target": target}
    at_point = {"statement": STATEMENT, "sql": STATEMENT, "phase": "started", "side": "before"}
    frozen = {
        "frozen_ns": begun_ns + 1,
        "looked_ns": released_ns - 1,
        "passed_bytes": 0,
        "backend_pids": [7],
    }
    sent = {
        **common,
        "t_ns": begun_ns,
        "ends_process": False,
        "trigger": "point",
        "biased": True,
        "intended_ns": begun_ns,
        "parts": {
            "sessions": [{"pid": 7, "backend_start": "then"}],
            "at_point": at_point,
        },
    }
    seen = {
        **common,
        "t_ns": released_ns + 1,
        "parts": {"freeze": frozen, "released_ns": released_ns, "lived": not dies},
    }
    story.records.insert(-1, ("fault_injected", sent))
    story.records.insert(-1, ("fault_ended", seen))
    start = story.first("run_start")["scenario"]
    start["workers"]["slots"] = 2
    start["faults"] = [
        {
            "what": "stall",
            "stall_s": (released_ns - begun_ns) / 1e9,
            "at_point": {"statement": STATEMENT, "phase": "started", "side": "before"},
        }
    ]
    return story


def test_a_stall_says_whether_another_worker_took_the_job(tmp_path: Path) -> None:
    summary = analyse(stalled().write(tmp_path))
    assert summary.verdict == "pass", summary.reasons
    (stall,) = summary.stalls
    assert (stall.taken, stall.contested, stall.lived) == ((B,), True, True)
    assert judge_point(summary).verdict == "duplicated"
    assert (summary.crash.kills, summary.recovery) == (0, [])


@pytest.mark.parametrize(
    ("where", "values", "says"),
    [
        ("parts", {"released_ns": None}, "it was not seen to flow again"),
        ("freeze", {"passed_bytes": 3}, "bytes passed after its connections had been frozen"),
        ("freeze", {"backend_pids": []}, "a session of the victim did not go through the proxy"),
        ("freeze", {"unexplained_bytes": 3}, "bytes passed that the proxy did not understand"),
    ],
)
def test_what_the_certificate_of_a_stall_lacks_voids_the_run(
    where: str, values: Parts, says: str, tmp_path: Path
) -> None:
    story = stalled()
    parts = story.first("fault_ended")["parts"]
    (parts if where == "parts" else parts["freeze"]).update(values)
    summary = analyse(story.write(tmp_path))
    assert summary.verdict == "invalid"
    assert says in " ".join(summary.reasons)


def before(**values: Any) -> Callable[[Story], object]:
    return lambda story: story.first("fault_injected")["parts"]["at_point"].update(values)


def freeze(**values: Any) -> Callable[[Story], object]:
    return lambda story: story.first("fault_ended")["parts"]["freeze"].update(values)


def a_later_process(story: Story) -> None:
    for line in (story.first("fault_injected"), story.first("fault_ended")):
        line["target"]["incarnation"] = 1


def ahead(story: Story) -> None:
    story.first("fault_ended")["parts"]["freeze"]["frozen_ns"] = story.first("job_started")["t_ns"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda story: story.first("fault_injected")["parts"].pop("at_point"),
            "it does not say at which round trip",
        ),
        (
            lambda story: story.first("fault_ended")["parts"].pop("freeze"),
            "nothing shows that its connections were frozen",
        ),
        (freeze(passed_bytes=1), "bytes passed after its connections had been frozen"),
        (freeze(backend_pids=[8]), "a session of the victim did not go through the proxy"),
        (freeze(unexplained_bytes=1), "bytes passed that the proxy did not understand"),
        (freeze(broken=1), "a connection was lost before the victim was killed"),
        (freeze(looked_ns=1), "it was frozen after the kill, or looked at before its end"),
        (freeze(frozen_ns=2**62), "it was frozen after the kill, or looked at before its end"),
        (ahead, "after its connections had been frozen: it was not stopped where it seems"),
        (before(statement="BEGIN"), "another round trip than was planned"),
        (before(side="after"), "another round trip than was planned"),
        (before(phase="started"), "another round trip than was planned"),
        (before(rows=0), "a round trip without any rows"),
        (a_later_process, "hit another process than the slot's first, which was held"),
    ],
)
def test_what_its_certificate_lacks_voids_the_run(
    change: Callable[[Story], object], says: str, tmp_path: Path
) -> None:
    story = frozen()
    change(story)
    summary = analyse(story.write(tmp_path))
    assert summary.verdict == "invalid"
    assert says in " ".join(summary.reasons)


def test_a_folded_point_may_be_met_in_any_phase(tmp_path: Path) -> None:
    story = frozen()
    story.first("run_start")["scenario"]["faults"][0]["at_point"] = {
        "statement": STATEMENT,
        "side": "before",
    }
    assert analyse(story.write(tmp_path)).verdict == "pass"


def delayed() -> Story:
    """The same kill; its request reaches the server once the next process is ready."""
    story = frozen()
    sent, seen = story.first("fault_injected"), story.first("fault_ended")
    sent["parts"]["at_point"]["side"] = "delayed"
    planned = story.first("run_start")["scenario"]["faults"][0]
    planned.update(respawn_after_s=0.1, deliver_within_s=2.0)
    planned["at_point"]["side"] = "delayed"
    ready_ns = next(
        fields["t_ns"]
        for kind, fields in story.records
        if kind == "child_ready" and fields["incarnation"] == 1
    )
    seen["t_ns"] = ready_ns + 9000
    seen["parts"]["sessions_gone_ns"] = ready_ns + 5000
    move_read(story, ready_ns + 6000)
    seen["parts"]["delivery"] = {
        "sent_ns": ready_ns + 1000,
        "answered_ns": ready_ns + 2000,
        "sent_bytes": 12,
        "rows": 1,
    }
    return story


def move_read(story: Story, at_ns: int) -> None:
    """The rows were read at another instant."""
    story.first("fault_ended")["parts"]["rows_read_ns"] = at_ns
    for kind, fields in story.records:
        if kind == "row_read" and fields.get("fault") is not None:
            fields["t_ns"] = at_ns


def delivery(**values: Any) -> Callable[[Story], object]:
    return lambda story: story.first("fault_ended")["parts"]["delivery"].update(values)


def long_after_it_was_due(story: Story) -> None:
    """Its planned instant was long before the one at which it was delivered."""
    planned = story.first("run_start")["scenario"]["faults"][0]
    late_ns = round((planned["deliver_within_s"] + 6.0) * 1e9)
    seen = story.first("fault_ended")
    at_ns = seen["parts"]["delivery"]["sent_ns"] + late_ns
    seen["t_ns"] = at_ns + 8000
    delivery(sent_ns=at_ns, answered_ns=at_ns + 1000)(story)
    seen["parts"]["sessions_gone_ns"] = at_ns + 4000
    move_read(story, at_ns + 5000)


def test_a_delayed_request_is_certified_and_says_what_it_did(tmp_path: Path) -> None:
    summary = analyse(delayed().write(tmp_path))
    assert summary.verdict == "pass", summary.reasons
    late = summary.recovery[0].certificate.late_request
    assert late is not None and (late.rows, late.refused) == (1, None)
    run = judge_point(summary)
    assert (run.late_rows, run.late_refused) == (1, None)


def test_a_delayed_request_that_the_server_refuses_is_delivered_all_the_same(
    tmp_path: Path,
) -> None:
    story = delayed()
    delivery(rows=None, refused="40001 could not serialize")(story)
    run = judge_point(analyse(story.write(tmp_path)))
    assert run.verdict != "invalid" and run.late_refused == "40001 could not serialize"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda story: story.first("fault_ended")["parts"].pop("delivery"),
            "the delayed request was never delivered",
        ),
        (delivery(sent_bytes=0), "the delayed request was never delivered"),
        (delivery(answered_ns=None), "the delayed request was never delivered"),
        (delivery(sent_ns=None, why="too late"), "the delayed request was never delivered"),
        (before(side="before"), "a request was delivered late that was not to be"),
        (delivery(sent_ns=1), "was delivered before its worker's end"),
        (
            lambda story: delivery(sent_ns=story.first("fault_ended")["parts"]["reaped_ns"] + 1)(
                story
            ),
            "was delivered before the next process of slot 0 was ready",
        ),
        (long_after_it_was_due, "was delivered long after it was to be"),
        (
            lambda story: story.first("fault_ended")["parts"].update(
                sessions_gone_ns=story.first("fault_ended")["parts"]["delivery"]["sent_ns"]
            ),
            "or after its session's",
        ),
    ],
)
def test_what_is_wrong_with_a_delayed_request_voids_the_run(
    change: Callable[[Story], object], says: str, tmp_path: Path
) -> None:
    story = delayed()
    change(story)
    summary = analyse(story.write(tmp_path))
    assert summary.verdict == "invalid"
    assert says in " ".join(summary.reasons)


SEEN_ALL: Parts = {"unexplained_bytes": 0, "broken": 0, "sessions": 2, "outside": []}


def listed(*told: Parts) -> Story:
    """Nobody is harmed; so often it is told that all round trips have been listed."""
    story = PLANTED["a_healthy_run"].plant()
    story.first("run_start")["scenario"]["list_round_trips"] = True
    at_ns = story.first("run_end")["t_ns"]
    for detail in told:
        line = {"t_ns": at_ns - 1, "code": "round_trips_listed", "detail": detail}
        story.records.insert(-1, ("note", line))
    return story


def rescue_listed(*told: Parts) -> Story:
    """A worker is stalled; so often it is told that all of the other one's have been listed."""
    story = stalled()
    story.first("run_start")["scenario"]["faults"][0]["list_rescuer"] = True
    at_ns = story.first("run_end")["t_ns"]
    for detail in told:
        line = {"t_ns": at_ns - 1, "code": "rescuer_listed", "detail": detail}
        story.records.insert(-1, ("note", line))
    return story


LISTINGS = [listed, rescue_listed]


@pytest.mark.parametrize("planted", LISTINGS)
def test_a_run_that_lists_all_round_trips_passes(
    planted: Callable[..., Story], tmp_path: Path
) -> None:
    summary = analyse(planted(SEEN_ALL).write(tmp_path))
    assert summary.verdict == "pass", summary.reasons


@pytest.mark.parametrize("planted", LISTINGS)
@pytest.mark.parametrize(
    ("told", "says"),
    [
        ((), "It is told 0 times, not once"),
        ((SEEN_ALL, SEEN_ALL), "It is told 2 times, not once"),
        (({**SEEN_ALL, "unexplained_bytes": 5},), "bytes passed that the proxy did not understand"),
        (({**SEEN_ALL, "broken": 1},), "a connection was lost although nobody was harmed"),
        (({**SEEN_ALL, "outside": [7]},), "a session of the worker did not go through the proxy"),
        (({**SEEN_ALL, "sessions": 0},), "No session of the worker went through the proxy"),
    ],
)
def test_a_listing_that_may_lack_a_round_trip_is_invalid(
    planted: Callable[..., Story], told: tuple[Parts, ...], says: str, tmp_path: Path
) -> None:
    summary = analyse(planted(*told).write(tmp_path))
    assert summary.verdict == "invalid"
    assert says in " ".join(summary.reasons)


def test_a_stalled_worker_that_dies_meanwhile_never_came_back(tmp_path: Path) -> None:
    summary = analyse(stalled(dies=True).write(tmp_path))
    assert summary.verdict == "pass", summary.reasons
    (stall,) = summary.stalls
    assert (stall.taken, stall.contested, stall.lived) == ((B,), True, False)
    assert judge_point(summary).verdict == "uncontested"


def test_what_a_stalled_worker_starts_while_it_stands_still_is_not_what_it_had(
    tmp_path: Path,
) -> None:
    story = stalled()
    started = story.first("job_started", job_id=B, slot=0)
    started["t_ns"] = story.first("fault_injected")["t_ns"] + 1
    (stall,) = analyse(story.write(tmp_path)).stalls
    assert (stall.taken, stall.contested) == ((B,), True), "it had none: any job contests it"
