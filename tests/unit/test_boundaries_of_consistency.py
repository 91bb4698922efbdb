"""Facts that two lines tell of workers and faults, where one thing more or less turns a check."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.checks.consistency import CHECKS
from analysis.history.load import load
from tests.histories.altered import kill_read
from tests.histories.builder import Fields, Story
from tests.histories.forged import doubling
from tests.histories.right import finished
from tests.histories.stories import A, B, as_namesakes, crash, healthy, left_claimed

Change = Callable[[Story], object]
DISAGREE = "Fault 1: its lines disagree about the victim or how it ended."


def said(story: Story, folder: Path) -> list[str]:
    history = load(story.write(folder))
    return [sentence for check in CHECKS for sentence in check(history)]


def setting(kind: str, **values: Any) -> Change:
    return lambda story: story.first(kind).update(values)


def seen(**values: Any) -> Change:
    """What was seen of the fault's end."""
    return lambda story: story.first("fault_ended")["parts"].update(values)


def certified_for(**values: Any) -> Change:
    """The certificate names another process than the fault."""

    def change(story: Story) -> None:
        seen = story.first("fault_ended")
        seen["target"] = {**seen["target"], **values}

    return change


def all_of(*changes: Change) -> Change:
    def change(story: Story) -> None:
        for one in changes:
            one(story)

    return change


def uncertified(story: Story) -> None:
    story.drop("fault_ended")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (all_of(), []),
        (certified_for(slot=5), [DISAGREE]),
        (certified_for(pid=5), [DISAGREE]),
        (seen(reaped_ns=None, signal=None), []),
        (seen(reaped_ns=None, signal=15), []),
        (seen(signal=15), [DISAGREE]),
        (uncertified, []),
        (all_of(uncertified, setting("child_exited", reason="stopped")), [DISAGREE]),
    ],
)
def test_a_kill_its_certificate_and_the_exit_speak_of_one_process(
    change: Change, told: list[str], tmp_path: Path
) -> None:
    story = crash()
    change(story)
    assert [one for one in said(story, tmp_path) if "Fault" in one] == told


def told_to_stop(*, killed: bool = False) -> Story:
    """A worker is told to stop, and leaves with its job done or is killed for it."""
    story = Story()
    first = story.worker()
    story.enqueue(A)
    first.start(A)
    fault = story.tell_to_stop(first)
    if not killed:
        first.complete(A)
    successor = story.depart(first, fault, killed=killed)
    if killed:
        successor.run(A)
    return finished(story, successor)


def left_for_nothing(story: Story) -> None:
    story.first("child_exited").pop("fault")


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (all_of(), []),
        (uncertified, []),
        (all_of(uncertified, left_for_nothing), []),
        (all_of(uncertified, setting("child_exited", pid=99)), [DISAGREE]),
        (setting("child_exited", pid=99), [DISAGREE]),
        (left_for_nothing, [DISAGREE]),
        (setting("child_exited", exit_code=3), [DISAGREE]),
        (all_of(seen(reaped_ns=None), setting("child_exited", exit_code=3)), []),
        (all_of(seen(reaped_ns=None), setting("child_exited", pid=99)), [DISAGREE]),
        (seen(told_ns=None), [DISAGREE]),
        (all_of(seen(told_ns=None), left_for_nothing), []),
    ],
)
def test_a_worker_that_was_told_to_leave_left_as_its_lines_say(
    killed: bool, change: Change, told: list[str], tmp_path: Path
) -> None:
    story = told_to_stop(killed=killed)
    change(story)
    assert [one for one in said(story, tmp_path) if "Fault" in one] == told


def test_a_fault_that_ends_no_process_has_no_exit(tmp_path: Path) -> None:
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    story.stall(worker, 1.0)
    worker.run(A)
    finished(story, worker)
    assert said(story, tmp_path) == []

    story.first("child_exited")["fault"] = 0
    assert said(story, tmp_path) == [DISAGREE]


def of_slots(*slots: int, named: tuple[int, ...] = ()) -> Story:
    """Incarnations of these slots, one after another under one name; of some slots it is planned
    that their processes bear one."""
    story = Story()
    for slot in slots:
        worker = story.worker(slot)
        story.exit(worker)
    entries = [
        {"what": "same_identity", "slot": slot, "at_s": 1.0, "respawn_after_s": 0.5}
        for slot in named
    ]
    story.first("run_start")["scenario"]["faults"] = entries
    story.first("run_start")["scenario"]["workers"]["slots"] = 4
    for kind, fields in story.records:
        if kind == "child_ready":
            fields["identity"] = "everybody"
    story.end()
    return story


ANNOUNCED = "The identity 'everybody' was announced by slot {} incarnation {} and slot {} "
ANNOUNCED += "incarnation {}."


@pytest.mark.parametrize(
    ("slots", "named", "by"),
    [
        ((0,), (), None),
        ((0, 0), (), (0, 0, 0, 1)),
        ((0, 1, 2), (), (0, 0, 1, 0)),
        ((0, 0), (0,), None),
        ((1, 1), (1,), None),
        ((0, 0, 0), (0, 1), None),
        ((0, 0), (1,), (0, 0, 0, 1)),
        ((0, 1), (0, 1), (0, 0, 1, 0)),
        ((0, 1), (0,), (0, 0, 1, 0)),
    ],
)
def test_one_name_is_borne_by_one_worker_or_by_those_of_a_slot_that_keeps_it(
    slots: tuple[int, ...],
    named: tuple[int, ...],
    by: tuple[int, ...] | None,
    tmp_path: Path,
) -> None:
    found = said(of_slots(*slots, named=named), tmp_path)
    assert found == ([] if by is None else [ANNOUNCED.format(*by)])


def test_namesakes_of_a_slot_that_keeps_its_name_contradict_nothing(tmp_path: Path) -> None:
    assert said(as_namesakes(left_claimed(10)), tmp_path) == []


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("child_ready", "became ready more than once"),
        ("child_spawned", "was spawned more than once"),
        ("child_exited", "left more than once"),
    ],
)
def test_a_worker_is_spawned_becomes_ready_and_leaves_once(
    kind: str, what: str, tmp_path: Path
) -> None:
    story = healthy()
    doubling(kind)(story)
    assert said(story, tmp_path) == [f"Slot 0 incarnation 0 {what}."]


def parents(kind: str, /, **fields: Any) -> Callable[[Story], Fields]:
    """A line of the parent's before the run's end."""

    def put(story: Story) -> Fields:
        line: Fields = {"t_ns": story.now_ns, **fields}
        story.records.insert(-1, (kind, line))
        return line

    return put


def first(kind: str, **wanted: Any) -> Callable[[Story], Fields]:
    return lambda story: story.first(kind, **wanted)


LATER = "The parent wrote lines that are stamped later than its run_end."
REFUSED = {"outcome": "rejected", "intended_ns": 1, "sent_ns": 1}
COUNTS = {"queued": 0, "claimed": 0, "retrying": 0, "dead": 0}
LIBRARY = {"job_id": A, "observed_by": "rows"}
CHILD = {"job_id": f"{A}/0", "outcome": "accepted", "length_us": 1, "intended_ns": 1}
BY_CHILD = {"slot": 0, "incarnation": 0, "n": 99}


@pytest.mark.parametrize(("step_ns", "later"), [(0, False), (1, True)])
@pytest.mark.parametrize(
    "line",
    [
        first("job_enqueued", job_id=B),
        first("row_read", read="final", job_id=B),
        lambda story: story.records[-2][1],
        lambda story: kill_read(story, 0, None),
        first("fault_ended"),
        parents("note", code="aside"),
        parents("enqueue_failed", job_id="j000003", **REFUSED),
        parents("queue_snapshot", **COUNTS),
        parents("resource_sample", subject="parent"),
        parents("job_retried", **LIBRARY),
        parents("job_discarded", **LIBRARY),
    ],
)
def test_nothing_of_the_parents_is_stamped_later_than_the_runs_end(
    line: Callable[[Story], Fields], step_ns: int, later: bool, tmp_path: Path
) -> None:
    story = crash()
    line(story)["t_ns"] = story.records[-1][1]["t_ns"] + step_ns
    assert [one for one in said(story, tmp_path) if one == LATER] == [LATER] * later


@pytest.mark.parametrize(
    "line",
    [
        parents("note", code="aside", **BY_CHILD),
        parents("job_retried", **LIBRARY, **BY_CHILD),
        parents("job_enqueued", **{**CHILD, "kind": "update", "class": "short"}),
    ],
)
def test_what_a_child_wrote_is_held_against_its_own_end_alone(
    line: Callable[[Story], Fields], tmp_path: Path
) -> None:
    story = healthy()
    fields = line(story)
    fields.update(BY_CHILD, t_ns=story.now_ns + 1)
    assert said(story, tmp_path) == []


@pytest.mark.parametrize(("step_ns", "early"), [(-1, True), (0, False), (1, False)])
@pytest.mark.parametrize(
    "line", [first("row_read", read="final", job_id=A), lambda story: story.records[-2][1]]
)
def test_the_final_read_comes_when_the_last_worker_has_left(
    line: Callable[[Story], Fields], step_ns: int, early: bool, tmp_path: Path
) -> None:
    story = crash()
    left_ns = max(fields["t_ns"] for kind, fields in story.records if kind == "child_exited")
    line(story)["t_ns"] = left_ns + step_ns
    sentence = "The final read of the rows was taken before every worker had left."
    assert said(story, tmp_path) == [sentence] * early


STOPPED = "Slot 0 incarnation 0 stopped when asked, by its wait status it did not."


@pytest.mark.parametrize(
    ("how", "of_a_fault", "told"),
    [
        ({"exit_code": 0}, False, []),
        ({"exit_code": 0}, True, []),
        ({"exit_code": 1}, True, [STOPPED]),
        ({"signal": 15}, True, []),
        ({"signal": 15}, False, [STOPPED]),
        ({"signal": 9}, True, [STOPPED]),
        ({"signal": 9}, False, [STOPPED]),
    ],
)
def test_a_worker_that_stopped_exited_with_nought_or_by_a_faults_sigterm(
    how: dict[str, int], of_a_fault: bool, told: list[str], tmp_path: Path
) -> None:
    story = told_to_stop()
    left = story.first("child_exited")
    left.pop("exit_code")
    left.update(how)
    if not of_a_fault:
        left.pop("fault")
    assert [one for one in said(story, tmp_path) if "Fault" not in one] == told


def test_a_worker_left_by_a_signal_or_by_itself(tmp_path: Path) -> None:
    story = crash()
    story.first("child_exited")["exit_code"] = 0
    assert "Slot 0 incarnation 0 left by a signal and by itself." in said(story, tmp_path)


def test_of_many_faults_each_is_held_against_its_own_lines(tmp_path: Path) -> None:
    """Of a stall, a departure without and one with its certificate, a kill that was certified and
    one without a certificate whose victim is said to have stopped, only the last contradicts
    itself."""
    story = Story()
    worker = story.worker()
    story.stall(worker, 1.0)
    for _ in range(2):
        worker = story.depart(worker, story.tell_to_stop(worker))
    story.drop("fault_ended", fault=1)
    for _ in range(2):
        story.kill(worker)
        worker = story.worker()
    story.drop("fault_ended", fault=4)
    story.first("child_exited", fault=4)["reason"] = "stopped"
    finished(story, worker)
    assert [one for one in said(story, tmp_path) if "Fault" in one] == [
        "Fault 5: its lines disagree about the victim or how it ended."
    ]
