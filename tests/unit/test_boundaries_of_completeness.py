"""What proves that a history is whole, where one line or one nanosecond more or less turns it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.checks import completeness
from analysis.checks.completeness import Proofs, examine
from analysis.evidence.incarnations import load_incarnations
from analysis.history.columns import worker_key
from analysis.history.load import load
from tests.histories.builder import Story
from tests.histories.stories import A, B, C, rows

Change = Callable[[Story], object]
ZERO, ONE, TWO = "slot 0 incarnation 0", "slot 1 incarnation 0", "slot 2 incarnation 0"


def proofs(story: Story, folder: Path) -> Proofs:
    history = load(story.write(folder))
    return examine(history, load_incarnations(history.records, None))


def three() -> Story:
    """Three workers run a job each, one after the other."""
    story = Story()
    workers = [story.worker(slot) for slot in range(3)]
    story.enqueue(A, B, C)
    for worker, job_id in zip(workers, (A, B, C), strict=True):
        worker.run(job_id)
    for worker in workers:
        story.exit(worker)
    story.end()
    return story


def setting(kind: str, slot: int, **values: Any) -> Change:
    return lambda story: story.first(kind, slot=slot).update(values)


def gap(who: str, what: str) -> str:
    return f"Ordinal gap: {who} {what}."


def test_a_whole_history_has_nothing_wrong_with_it(tmp_path: Path) -> None:
    assert proofs(three(), tmp_path) == Proofs({}, None, None, [])


@pytest.mark.parametrize(
    ("change", "who", "what"),
    [
        (setting("job_completed", 1, n=3), ONE, "should have the ordinals 0 to 2, each once"),
        (setting("job_completed", 2, n=5), TWO, "should have the ordinals 0 to 2, each once"),
        (setting("job_completed", 0, n=3), ZERO, "should have the ordinals 0 to 2, each once"),
        (setting("child_exited", 1, events=4), ONE, "sent 4 events, the history has 3"),
        (setting("child_exited", 2, events=2), TWO, "sent 2 events, the history has 3"),
        (
            lambda story: story.drop("child_exited", slot=1),
            ONE,
            "has no child_exited line to prove that its events are complete",
        ),
        (lambda story: story.drop("child_ready", slot=1), ONE, "sent 3 events, the history has 2"),
    ],
)
def test_the_worker_is_named_whose_lines_are_not_all_there(
    change: Change, who: str, what: str, tmp_path: Path
) -> None:
    story = three()
    change(story)
    found = proofs(story, tmp_path)
    assert found.sentences == [gap(who, what)]
    assert set(found.voids.values()) == {"ordinal_gap"}
    assert len(found.voids) == 1


def test_a_worker_that_wrote_nothing_may_have_sent_nothing(tmp_path: Path) -> None:
    story = three()
    idle = story.worker(3, ready=False)
    story.exit(idle)
    assert proofs(story, tmp_path).sentences == []

    story.first("child_exited", slot=3)["events"] = 1
    what = gap("slot 3 incarnation 0", "sent 1 events, the history has 0")
    assert proofs(story, tmp_path).sentences == [what]


def test_a_line_with_an_ordinal_below_nought_fills_no_gap_of_another_worker(
    tmp_path: Path,
) -> None:
    """The first worker's last line bears a number too high, the second one's one too low."""
    story = three()
    story.first("job_completed", slot=0)["n"] = 7
    story.first("child_ready", slot=1)["n"] = -1
    uneven = "should have the ordinals 0 to 2, each once"
    assert proofs(story, tmp_path).sentences == [gap(ZERO, uneven), gap(ONE, uneven)]


@pytest.mark.parametrize("piece", [1, 2, 3, 1 << 16])
def test_all_lines_are_looked_at_however_many_at_a_time(
    piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completeness, "PIECE", piece)
    assert proofs(three(), tmp_path).sentences == []


def test_what_the_parent_writes_beside_them_is_no_line_of_a_child(tmp_path: Path) -> None:
    """It may name a worker, and a child may forget to."""
    story = three()
    told = {"job_id": A, "observed_by": "rows"}
    for who in ({"slot": 1, "incarnation": 0}, {"slot": 1}, {"incarnation": 0}, {"n": 5}, {}):
        story.record("job_retried", **told, **who)
        story.record("note", code="aside", **who)
    for who in ({"n": 5, "slot": 1}, {"n": 5, "incarnation": 0}):
        story.record("job_discarded", **told, **who)
    assert proofs(story, tmp_path).sentences == []


@pytest.mark.parametrize("kind", ["job_dying", "job_retried", "job_discarded", "note"])
def test_each_rarer_line_of_a_child_counts(kind: str, tmp_path: Path) -> None:
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    worker.start(A)
    if kind == "note":
        worker.emit(kind, code="aside")
    elif kind == "job_dying":
        worker.announce(A)
    else:
        worker.tell(kind, A)
    story.exit(worker)
    story.end()
    assert proofs(story, tmp_path).sentences == []

    story.drop(kind)
    (sentence,) = proofs(story, tmp_path).sentences
    assert sentence == gap(ZERO, "sent 3 events, the history has 2")


def back(who: str) -> str:
    return f"Clock violation: the instants of {who} go back as its ordinals go on."


@pytest.mark.parametrize(("slot", "who"), [(0, ZERO), (1, ONE), (2, TWO)])
@pytest.mark.parametrize(("step_ns", "told"), [(-1, True), (0, False), (1, False)])
def test_the_worker_is_named_whose_clock_went_back(
    slot: int, who: str, step_ns: int, told: bool, tmp_path: Path
) -> None:
    """Its last line is later than its first one all the same."""
    story = three()
    last = story.first("job_completed", slot=slot)
    last["t_ns"] = story.first("job_started", slot=slot)["t_ns"] + step_ns
    found = proofs(story, tmp_path)
    assert found.sentences == [back(who)] * told
    assert found.voids == ({worker_key(slot, 0): "clock_violation"} if told else {})


def test_a_worker_that_was_spawned_earlier_than_another_one_goes_back_nowhere(
    tmp_path: Path,
) -> None:
    """The second slot's lines are all earlier than the first one's."""
    story = Story()
    early = story.worker(1)
    story.enqueue(A, B)
    early.run(B)
    late = story.worker(0)
    late.run(A)
    for worker in (early, late):
        story.exit(worker)
    story.end()
    assert proofs(story, tmp_path).sentences == []


def test_of_lines_that_are_not_all_there_the_order_is_that_of_their_ordinals(
    tmp_path: Path,
) -> None:
    story = three()
    story.drop("child_ready", slot=1)
    start, end = (story.first(kind, slot=1) for kind in ("job_started", "job_completed"))
    assert start["n"] < end["n"]
    what = "sent 3 events, the history has 2"
    assert proofs(story, tmp_path).sentences == [gap(ONE, what)]

    start["t_ns"] = end["t_ns"] + 1
    assert proofs(story, tmp_path).sentences == [gap(ONE, what), back(ONE)]


def outside(who: str, when: str) -> str:
    return f"Clock violation: a line of {who} is stamped {when}."


@pytest.mark.parametrize("slot", [0, 1, 2])
@pytest.mark.parametrize(
    ("kind", "bound", "step_ns", "when"),
    [
        ("child_ready", "child_spawned", -1, "before it was spawned"),
        ("child_ready", "child_spawned", 0, None),
        ("job_completed", "child_exited", 0, None),
        ("job_completed", "child_exited", 1, "after it was reaped"),
    ],
)
def test_a_worker_writes_between_its_spawn_and_its_end(
    slot: int, kind: str, bound: str, step_ns: int, when: str | None, tmp_path: Path
) -> None:
    story = three()
    story.first(kind, slot=slot)["t_ns"] = story.first(bound, slot=slot)["t_ns"] + step_ns
    told = [] if when is None else [outside(f"slot {slot} incarnation 0", when)]
    assert proofs(story, tmp_path).sentences == told


def test_a_worker_of_which_only_jobs_tell_hides_none_that_wrote_after_its_end(
    tmp_path: Path,
) -> None:
    story = three()
    for kind in ("child_spawned", "child_ready", "child_exited"):
        story.drop(kind, slot=0)
    story.first("job_completed", slot=1)["t_ns"] = story.now_ns
    found = proofs(story, tmp_path).sentences
    assert found[1:] == [outside(ONE, "after it was reaped")]


UNNAMED = "Bad line: an unnamed child wrote something that is no event."


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        (
            {"slot": 1, "incarnation": 0},
            "Bad line: slot 1 incarnation 0 wrote something that is no event.",
        ),
        ({"slot": 1}, UNNAMED),
        ({"incarnation": 0}, UNNAMED),
        ({"slot": 1, "incarnation": "first"}, UNNAMED),
        ({}, UNNAMED),
    ],
)
def test_a_bad_line_voids_whoever_wrote_it(
    detail: dict[str, Any], said: str, tmp_path: Path
) -> None:
    """Notes of other sorts, and a child's own, stand before it."""
    story = three()
    story.record("note", code="aside")
    story.record("note", code="bad_line", n=99)
    story.record("note", code="bad_line", detail=detail)
    found = proofs(story, tmp_path)
    assert found.sentences == [said]
    assert found.voids == ({} if said == UNNAMED else {worker_key(1, 0): "bad_line"})


def closed_twice(story: Story) -> None:
    story.records.insert(-1, ("row_read", dict(story.records[-2][1])))


NO_READ = "The final read of the queue's rows does not count: {}."


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (rows(error="gone"), [NO_READ.format("gone")]),
        (rows(effects_error="no table"), ["The effects could not be read: no table."]),
        (
            rows(lines=4),
            [NO_READ.format("its closing line speaks of 4 lines, the history has 3")],
        ),
        (closed_twice, [NO_READ.format("it has 2 closing lines where there must be one")]),
    ],
)
def test_a_final_read_has_one_closing_line_and_no_error(
    change: Change, said: list[str], tmp_path: Path
) -> None:
    story = three()
    change(story)
    assert proofs(story, tmp_path).sentences == said


def test_the_first_flaw_of_a_worker_is_the_reason_that_voids_it(tmp_path: Path) -> None:
    story = three()
    story.first("child_exited", slot=1)["events"] = 4
    story.record("note", code="bad_line", detail={"slot": 1, "incarnation": 0})
    assert proofs(story, tmp_path).voids == {worker_key(1, 0): "ordinal_gap"}
