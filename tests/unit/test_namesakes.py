"""A worker that comes back under its predecessor's name: planned, done, certified, judged."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from analysis.metrics.namesakes import NamesakeFound
from analysis.summary.namesake_findings import namesake_findings
from analysis.summary.summary import analyse
from orchestrator.errors import ScenarioError
from orchestrator.history.records import FaultEnded
from orchestrator.history.sessions import Session
from orchestrator.observe.probe import claimed_ns
from orchestrator.run.request import make_request
from orchestrator.run.run_plan import plan_run, worker_init
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.worker_faults import SameIdentity
from orchestrator.workers.child import State
from orchestrator.workers.tracker import Tracker
from tests.histories.builder import Story
from tests.histories.stories import A, B, as_namesakes, same_name
from tests.unit.campaign_world import Make, World, make_world
from tests.unit.stand_ins import Clock, S, StillFleet
from worker_child.adapters.contract import InboxRow
from worker_child.names import lasting_name
from worker_child.protocol import ClockAnchor

SCENARIO = str(Path(__file__).parent.parent / "scenarios" / "tiny_namesake.toml")
NAME = "web-0"
Change = Callable[[Story], object]


# Planned


def test_all_incarnations_of_its_slot_are_told_one_name_and_no_other_slot_any(
    tmp_path: Path,
) -> None:
    request = make_request(
        load_scenario(SCENARIO, []),
        library="control_short_lease",
        preset="stock",
        ordinal=1,
        dsn=None,
        results=tmp_path,
        overwrite=False,
    )
    plan = plan_run(request)

    def told(slot: int, incarnation: int) -> dict[str, Any]:
        init = worker_init(plan, "dbname=x", ClockAnchor(0, 0), slot, incarnation)
        decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(init))
        return decoded

    name = lasting_name(plan.run_id, 0)
    assert [told(0, n)["worker_name"] for n in (0, 1, 2)] == [name] * 3
    assert told(0, 0)["application_name"] != told(0, 1)["application_name"]
    assert "worker_name" not in told(1, 0)


def test_a_slot_that_keeps_its_name_has_one_worker_at_a_time() -> None:
    two = [
        "{ what = 'same_identity', at_s = 1.5, respawn_after_s = 0.5 }",
        "{ what = 'deploy', at_s = 2.5, grace_s = 1, successor = 'at' }",
    ]
    with pytest.raises(ScenarioError, match="gives slot 0 two workers at a time"):
        load_scenario(SCENARIO, [f"faults=[{', '.join(two)}]"])
    elsewhere = two[1].replace("grace_s", "slots = [1], grace_s")
    load_scenario(SCENARIO, [f"faults=[{two[0]}, {elsewhere}]"])


# Carried out


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    return partial(make_world, monkeypatch)


def killed(make: Make) -> World:
    """The worker has been killed, and all that it had is gone."""
    world = make(SameIdentity(at_s=1.0, respawn_after_s=2.0))
    victim = world.victim()
    world.fleet.announce(0, 0, NAME)
    world.probe.open_sessions[victim.init.application_name] = [Session(7, "then")]
    world.start()
    world.turn(1.5)
    assert victim.killed_ns is not None
    world.probe.open_sessions.clear()
    victim.end(world.clock.now_ns, signal=9)
    victim.state = State.GONE
    world.turn(0.5)
    return world


@pytest.mark.parametrize("name", [NAME, "another"])
def test_its_rows_are_read_before_anybody_bears_its_name_again_and_both_names_are_told(
    make: Make, name: str
) -> None:
    world = killed(make)
    assert (0, 1) not in world.fleet.children and world.probe.reads == 1
    world.turn(1.5)
    assert world.records(FaultEnded) == [] and (0, 1) in world.fleet.children
    world.fleet.announce(0, 1, name)
    ready_ns = world.clock.now_ns
    world.turn(0.5)
    (seen,) = world.records(FaultEnded)
    end = seen.after
    assert (end.identity, end.successor, end.successor_identity) == (NAME, 1, name)
    assert end.rows_read_ns < ready_ns == end.successor_ready_ns
    assert world.probe.reads == 1


@pytest.mark.parametrize(
    ("claimed", "of_dead"), [("before", True), ("after", False), (None, False)]
)
def test_of_two_of_one_name_the_dead_one_has_what_was_claimed_before_the_other_was_ready(
    claimed: str | None, of_dead: bool
) -> None:
    tracker, clock = Tracker(), Clock()
    fleet = StillFleet(tracker, clock)
    fleet.spawn(0)
    fleet.announce(0, 0, NAME)
    assert not fleet.held_by_dead(NAME, clock.now_ns)
    fleet.kill(fleet.children[0, 0], 0)
    assert fleet.held_by_dead(NAME, None)
    clock.forward(1.0)
    fleet.spawn(0)
    assert fleet.held_by_dead(NAME, None), "nobody bears it again before it has said so"
    fleet.announce(0, 1, NAME)
    ready_ns = clock.now_ns
    instants = {"before": ready_ns - 1, "after": ready_ns, None: None}
    assert fleet.held_by_dead(NAME, instants[claimed]) is of_dead
    assert not fleet.held_by_dead("nobody", 0)


def test_a_claims_time_is_that_of_the_read_less_its_age() -> None:
    row = InboxRow(A, "1", "claimed", NAME, claimed_for_s=1.5)
    assert claimed_ns(row, 10 * S) == 8_500_000_000
    assert claimed_ns(InboxRow(A, "1", "claimed", NAME), 10 * S) is None


# Certified


def end(**values: Any) -> Change:
    return lambda story: story.first("fault_ended")["parts"].update(values)


def without(*names: str) -> Change:
    def change(story: Story) -> None:
        parts = story.first("fault_ended")["parts"]
        for name in names:
            del parts[name]

    return change


def another_announced(story: Story) -> None:
    story.first("child_ready", incarnation=1)["identity"] = "another"


def another_all_through(story: Story) -> None:
    another_announced(story)
    end(successor_identity="another")(story)


def unplanned(story: Story) -> None:
    """An ordinary kill, whose next worker announces the dead one's name all the same."""
    (entry,) = story.first("run_start")["scenario"]["faults"]
    entry["what"] = "kill"
    parts = story.first("fault_ended")["parts"]
    for kind in ("fault_injected", "fault_ended"):
        story.first(kind)["what"] = "kill"
    for name in [name for name in parts if name.startswith(("successor", "identity"))]:
        del parts[name]


def final(**values: Any) -> Change:
    return lambda story: story.first("row_read", read="final", job_id=A).update(values)


def at_the_kill(**values: Any) -> Change:
    return lambda story: story.first("row_read", read="kill", job_id=A).update(values)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (without("identity"), "its worker had announced no name"),
        (
            without("successor", "successor_identity", "successor_ready_ns"),
            "no other worker was ready in its slot",
        ),
        (another_all_through, "the next worker of its slot came under another name"),
        (end(successor_ready_ns=1), "the next worker of its slot was ready before it was gone"),
        (end(signal=15), "the wait status is not SIGKILL"),
        (another_announced, "the next worker of its slot announced itself otherwise"),
        (end(identity="another"), "said to have borne another name than it announced"),
        (end(successor=2), "the worker that bears its name is not the next of its slot"),
        (unplanned, "The identity 'worker-0-0' was announced by"),
        (final(claimed_ns=10**18), "read before the time of their claim"),
        (final(state="queued", claimed_by=None), "Rows that nobody holds have a claim's time"),
        (at_the_kill(claimed_ns=10**18), "was read before the time of its claim"),
        (
            at_the_kill(state="queued", claimed_by=None, claimable_ns=None, claimed_ns=1),
            "has the time of a claim",
        ),
    ],
)
def test_what_is_no_return_under_the_same_name_voids_the_run(
    tmp_path: Path, change: Change, why: str
) -> None:
    story = same_name()
    change(story)
    summary = analyse(story.write(tmp_path))
    assert summary.verdict == "invalid"
    assert why in " ".join(summary.reasons)


# Judged


def found_in(story: Story, tmp_path: Path) -> NamesakeFound:
    (found,) = analyse(story.write(tmp_path)).namesakes
    assert found.certificate.complete, found.certificate.missing
    return found


def test_what_nobody_starts_again_is_not_taken(tmp_path: Path) -> None:
    found = found_in(same_name(), tmp_path)
    assert (found.held, found.taken_back, found.taken_by_others, found.not_taken) == (1, 0, 0, 1)
    assert (found.successor, found.identity) == (1, "worker-0-0")
    assert (found.first_taken_back_s, found.first_taken_back_s_why) == (
        None,
        "it took none of them",
    )


def taken(wait_s: float, *, by: int = 0, claimable: bool = True) -> Story:
    """A, open at the kill, is done so long after it by the next worker of the name, or by that of
    slot 1, which is at B all the time; then the next one of the name starts B as well."""
    story = Story()
    first, other = story.worker(0), story.worker(1)
    story.enqueue(A, B)
    first.start(A)
    other.start(B)
    story.kill(first, held=[A])
    if not claimable:
        del story.first("row_read", read="kill", job_id=A)["claimable_ns"]
    heir = story.worker(0)
    story.wait(wait_s)
    (heir if by == 0 else other).run(A)
    heir.run(B)
    other.complete(B)
    story.exit(heir)
    story.exit(other)
    story.end()
    return as_namesakes(story)


@pytest.mark.parametrize(
    ("story", "back", "early", "others"),
    [
        (taken(1.0), 1, 1, 0),
        (taken(4.0), 1, 0, 0),
        (taken(1.0, claimable=False), 1, None, 0),
        (taken(4.0, by=1), 0, 0, 1),
    ],
)
def test_a_job_is_taken_by_who_starts_it_first_and_early_before_its_row_is_free_for_anybody(
    tmp_path: Path, story: Story, back: int, early: int | None, others: int
) -> None:
    found = found_in(story, tmp_path)
    assert (found.taken_back, found.taken_by_others, found.not_taken) == (back, others, 0)
    assert found.taken_back_early == early
    assert (found.taken_back_early_why is None) is (early is not None)
    assert (found.first_taken_back_s is None) is (back == 0)


def test_what_a_third_worker_is_at_is_taken_from_others(tmp_path: Path) -> None:
    assert found_in(taken(1.0), tmp_path).taken_from_others == 1
    assert found_in(same_name(), tmp_path).taken_from_others == 0


def test_what_a_third_worker_left_open_when_it_was_told_to_leave_is_taken_from_nobody(
    tmp_path: Path,
) -> None:
    story = Story()
    first, other = story.worker(0), story.worker(1)
    story.enqueue(A, B)
    first.start(A)
    other.start(B)
    story.kill(first, held=[A])
    heir = story.worker(0)
    as_namesakes(story)
    successor = story.depart(other, story.tell_to_stop(other), held=[B])
    for job_id in (A, B):
        heir.run(job_id)
    story.phase("stop")
    for worker in (heir, successor):
        story.exit(worker)
    story.end()
    assert found_in(story, tmp_path).taken_from_others == 0


def test_the_findings_say_what_it_took_how_soon_and_by_what(tmp_path: Path) -> None:
    (early,) = namesake_findings([found_in(taken(1.0), tmp_path)])
    assert "took 1 back, the first 1.0 s after it was ready, 1 before the queue frees" in early
    assert early.endswith("a third worker was at, it took 1.")
    (nothing,) = namesake_findings([found_in(same_name(), tmp_path)])
    assert "took 0 back; others took 0, and 1 were not started again" in nothing
