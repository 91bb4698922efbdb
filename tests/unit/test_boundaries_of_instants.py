"""Instants that no order of events could have given, each on both sides of its bound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.checks import departures
from analysis.checks.instants import CHECKS
from analysis.errors import HistoryError
from analysis.history.load import load
from tests.histories.altered import harm_server
from tests.histories.builder import MILLISECOND_NS, ORIGIN_NS, Fields, Story
from tests.histories.right import finished
from tests.histories.stories import A, B, C, crash, healthy, never_enqueued

Change = Callable[[Story], object]
LONGEST_WRITTEN_NS = 1_000_000
LATEST_NS = 5_000_000_000


def said(story: Story, folder: Path) -> list[str]:
    history = load(story.write(folder))
    return [sentence for check in CHECKS for sentence in check(history)]


def enqueue(story: Story, job_id: str = B) -> Fields:
    return story.first("job_enqueued", job_id=job_id)


def moved(name: str, after: str, step_ns: int) -> Change:
    """An instant of B's enqueue lies so long after another one of it."""

    def change(story: Story) -> None:
        enqueue(story)[name] = enqueue(story)[after] + step_ns

    return change


def instants(**steps_ns: int) -> Change:
    """Those of B's enqueue, counted from when it was to be sent."""

    def change(story: Story) -> None:
        fields = enqueue(story)
        at_ns = fields["intended_ns"]
        fields.update({name: at_ns + step_ns for name, step_ns in steps_ns.items()})

    return change


LINES = "{}: 1 jobs' lines, the first of " + B + "."
ORDER = "An enqueue was acknowledged before it was sent"
EARLY = "An enqueue was sent before its instant"
BEFORE = "An enqueue was written down before its answer"
LONG = "An enqueue was written down long after its answer"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (instants(sent_ns=0, acknowledged_ns=0, t_ns=0), None),
        (instants(sent_ns=-1, acknowledged_ns=0, t_ns=0), EARLY),
        (instants(sent_ns=1, acknowledged_ns=0, t_ns=0), ORDER),
        (instants(sent_ns=0, acknowledged_ns=1, t_ns=0), BEFORE),
        (instants(sent_ns=0, acknowledged_ns=1, t_ns=1 + LONGEST_WRITTEN_NS), None),
        (instants(sent_ns=0, acknowledged_ns=1, t_ns=2 + LONGEST_WRITTEN_NS), LONG),
    ],
)
def test_an_enqueue_is_intended_sent_answered_and_written_in_this_order(
    change: Change, what: str | None, tmp_path: Path
) -> None:
    story = healthy()
    change(story)
    assert said(story, tmp_path) == ([] if what is None else [LINES.format(what)])


@pytest.mark.parametrize(
    "names", [["sent_ns"], ["acknowledged_ns"], ["sent_ns", "acknowledged_ns"]]
)
def test_an_accepted_enqueue_has_the_instants_of_its_going_and_coming(
    names: list[str], tmp_path: Path
) -> None:
    story = healthy()
    for name in names:
        enqueue(story).pop(name)
    lacks = "An accepted enqueue lacks the instants of its going and coming"
    assert said(story, tmp_path) == [LINES.format(lacks)]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([], False),
        (["sent_ns"], False),
        (["acknowledged_ns"], False),
        (["sent_ns", "acknowledged_ns"], True),
    ],
)
def test_a_recovered_enqueue_has_no_answer(names: list[str], told: bool, tmp_path: Path) -> None:
    story = Story()
    worker = story.worker()
    story.recover(B)
    fields = enqueue(story)
    for name in names:
        fields[name] = fields["t_ns"] - 2 * LONGEST_WRITTEN_NS
    fields["intended_ns"] = fields["t_ns"] - 2 * LONGEST_WRITTEN_NS
    worker.run(B)
    finished(story, worker)
    story.first("run_end")["started_ns"] = story.first("run_start")["t_ns"] = fields["intended_ns"]
    seen = "A recovered enqueue has an answer that nobody saw"
    assert said(story, tmp_path) == [LINES.format(seen)] * told


def test_of_many_lines_the_first_is_named_and_all_are_counted(tmp_path: Path) -> None:
    story = healthy()
    for job_id in (B, C):
        fields = enqueue(story, job_id)
        fields["sent_ns"] = fields["intended_ns"] - 1
    assert said(story, tmp_path) == [f"{EARLY}: 2 jobs' lines, the first of {B}."]


def refused() -> Story:
    """A is refused, B done."""
    return never_enqueued()


@pytest.mark.parametrize(
    ("steps_ns", "told"),
    [
        ((0, 0), False),
        ((0, -1), True),
        ((-1, 0), True),
        ((1, 1), False),
    ],
)
def test_a_failed_enqueue_is_intended_sent_and_answered_in_this_order(
    steps_ns: tuple[int, int], told: bool, tmp_path: Path
) -> None:
    """`steps_ns` = from one to the next."""
    story = refused()
    fields = story.first("enqueue_failed")
    fields["sent_ns"] = fields["intended_ns"] + steps_ns[0]
    fields["t_ns"] = fields["sent_ns"] + steps_ns[1]
    sentence = f"The failed enqueue of {A} was sent out of its time."
    assert said(story, tmp_path) == [sentence] * told


@pytest.mark.parametrize(("step_ns", "told"), [(-1, True), (0, False), (1, False)])
def test_no_enqueue_that_failed_was_intended_before_the_beginning(
    step_ns: int, told: bool, tmp_path: Path
) -> None:
    story = refused()
    story.first("enqueue_failed")["intended_ns"] = ORIGIN_NS + step_ns
    story.first("job_enqueued").update(intended_ns=ORIGIN_NS + 1)
    sentence = f"The failed enqueue of {A} was intended before T = 0."
    found = said(story, tmp_path)
    assert [one for one in found if "T = 0" in one] == [sentence] * told


@pytest.mark.parametrize(("step_ns", "told"), [(-1, True), (0, False), (1, False)])
def test_no_enqueue_was_intended_before_the_beginning(
    step_ns: int, told: bool, tmp_path: Path
) -> None:
    story = healthy()
    enqueue(story)["intended_ns"] = ORIGIN_NS + step_ns
    found = [one for one in said(story, tmp_path) if "T = 0" in one]
    assert found == [LINES.format("Enqueues were intended before T = 0")] * told


@pytest.mark.parametrize(("step_ns", "told"), [(-1, True), (0, False), (1, False)])
def test_nobody_is_harmed_before_the_beginning(step_ns: int, told: bool, tmp_path: Path) -> None:
    story = healthy()
    harm_server(story, ORIGIN_NS + step_ns)
    assert said(story, tmp_path) == ["Fault 8 was injected before T = 0."] * told


@pytest.mark.parametrize(
    ("code", "phase", "step_ns", "told"),
    [
        ("phase", "load", 0, False),
        ("phase", "load", -1, True),
        ("phase", "load", 1, True),
        ("phase", "drain", 1, False),
        ("another", "load", 1, False),
    ],
)
def test_the_note_of_the_loads_beginning_bears_its_instant(
    code: str, phase: str, step_ns: int, told: bool, tmp_path: Path
) -> None:
    story = healthy()
    note = {"t_ns": ORIGIN_NS + step_ns, "code": code, "detail": {"phase": phase}}
    story.records.insert(1, ("note", note))
    sentence = "run_end and the note of the load's beginning disagree about T = 0."
    assert said(story, tmp_path) == [sentence] * told


def at_the_start(step_ns: int) -> Change:
    return lambda story: story.first("run_end").update(cut_ns=ORIGIN_NS + step_ns)


def at_the_end(step_ns: int) -> Change:
    def change(story: Story) -> None:
        end = story.first("run_end")
        end["cut_ns"] = end["t_ns"] + step_ns

    return change


CUT = "The stream of jobs was cut before it began or after the run had ended."


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (at_the_start(-1), True),
        (at_the_start(0), False),
        (at_the_end(0), False),
        (at_the_end(1), True),
    ],
)
def test_a_stream_is_cut_between_its_beginning_and_the_runs_end(
    change: Change, told: bool, tmp_path: Path
) -> None:
    story = healthy()
    change(story)
    assert [one for one in said(story, tmp_path) if one == CUT] == [CUT] * told


@pytest.mark.parametrize(("ended", "told"), [("completed", True), ("interrupted", False)])
def test_only_a_run_that_was_interrupted_may_never_have_begun(
    ended: str, told: bool, tmp_path: Path
) -> None:
    story = healthy()
    story.first("run_end").update(ended=ended, started_ns=None)
    sentence = "run_end calls the run completed and does not say when it began."
    assert said(story, tmp_path) == [sentence] * told


STARTED = "Jobs started before they were enqueued"


@pytest.mark.parametrize(("step_ns", "told"), [(-1, True), (0, False), (1, False)])
def test_no_job_starts_before_it_was_sent(step_ns: int, told: bool, tmp_path: Path) -> None:
    story = healthy()
    story.first("job_started", job_id=B)["t_ns"] = enqueue(story)["sent_ns"] + step_ns
    assert said(story, tmp_path) == [LINES.format(STARTED)] * told


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize(("step_ns", "told"), [(-1, True), (0, False)])
def test_a_job_that_was_enqueued_twice_starts_after_the_earlier_one(
    first: int, step_ns: int, told: bool, tmp_path: Path
) -> None:
    """`first` = which of the two lines tells of the earlier one."""
    story = healthy()
    earlier_ns = enqueue(story)["sent_ns"]
    again = {**enqueue(story), "inbox_id": "another"}
    place = next(n for n, (_, fields) in enumerate(story.records) if fields is enqueue(story))
    story.records.insert(place + first, ("job_enqueued", again))
    for name in ("sent_ns", "acknowledged_ns", "t_ns"):
        (enqueue(story) if first else again)[name] += 0
        later = story.records[place + 1 - first][1]
        later[name] += 100
    story.first("job_started", job_id=B)["t_ns"] = earlier_ns + step_ns
    assert said(story, tmp_path) == [LINES.format(STARTED)] * told


def at_nought(story: Story) -> Story:
    """B starts at the very beginning of the clock, with the run."""
    story.first("job_started", job_id=B)["t_ns"] = 0
    story.first("run_start")["t_ns"] = 0
    return story


def test_a_job_whose_enqueue_nobody_recorded_may_start_at_any_instant(tmp_path: Path) -> None:
    story = healthy()
    story.drop("job_enqueued", job_id=B)
    assert said(at_nought(story), tmp_path) == []


def test_so_may_one_that_was_recovered(tmp_path: Path) -> None:
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    story.recover(B)
    for job_id in (A, B):
        worker.run(job_id)
    assert said(at_nought(finished(story, worker)), tmp_path) == []


BELOW_NS = -2
"""-1 stands for an instant that is missing."""


@pytest.mark.parametrize(
    "line",
    [
        ("run_start", {}),
        ("child_exited", {}),
        ("job_enqueued", {}),
        ("job_started", {}),
        ("job_completed", {}),
        ("row_read", {"read": "kill"}),
        ("row_read", {"read": "final"}),
    ],
)
def test_a_history_of_before_the_clock_began_is_none(
    line: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    story = crash()
    story.first(line[0], **line[1])["t_ns"] = 0
    load(story.write(tmp_path))
    story.first(line[0], **line[1])["t_ns"] = BELOW_NS
    with pytest.raises(HistoryError, match=r"below 0|before 0"):
        load(story.write(tmp_path))


@pytest.mark.parametrize(("step_ns", "told"), [(-1, True), (0, False), (1, False)])
@pytest.mark.parametrize("kind", ["job_enqueued", "job_started", "row_read"])
def test_nothing_is_told_of_before_the_run_started(
    kind: str, step_ns: int, told: bool, tmp_path: Path
) -> None:
    story = healthy()
    start_ns = story.first("run_start")["t_ns"]
    story.first(kind, job_id=B)["t_ns"] = start_ns + step_ns
    sentence = "Lines are stamped earlier than the run_start."
    assert [one for one in said(story, tmp_path) if one == sentence] == [sentence] * told


def streamed(*instants_ns: int, order: tuple[int, ...] = (), **workload: Any) -> Story:
    """Jobs of the stream, numbered from 0 on, that were intended for these instants after T = 0;
    their lines stand in this order."""
    story = Story(workload=workload)
    story.phase("setup")
    worker = story.worker()
    story.wait(10)
    for number in order or range(len(instants_ns)):
        at_ns = ORIGIN_NS + instants_ns[number]
        story.enqueue(f"j{number:06d}", intended_ns=at_ns)
    for number in range(len(instants_ns)):
        worker.run(f"j{number:06d}")
    return finished(story, worker)


NUMBERED = "The stream's jobs are not numbered in the order of their intended instants."
BEHIND = "A job of the stream was intended for after the stream's end."
SECOND_NS = 1000 * MILLISECOND_NS
KEYS = {"enqueuers": 2, "apart_s": 2.0}


@pytest.mark.parametrize(
    ("instants_ns", "order", "told"),
    [
        ((1, 2, 3), (), False),
        ((1, 1, 1), (), False),
        ((1, 3, 2), (), True),
        ((1, 3, 1), (), True),
        ((1, 2, 3), (1, 0, 2), False),
        ((1, 2, 3), (2, 1, 0), False),
        ((2, 1, 3), (1, 0, 2), True),
    ],
)
def test_the_streams_jobs_are_numbered_in_the_order_of_their_instants(
    instants_ns: tuple[int, ...], order: tuple[int, ...], told: bool, tmp_path: Path
) -> None:
    assert said(streamed(*instants_ns, order=order), tmp_path) == [NUMBERED] * told


@pytest.mark.parametrize(
    ("instants_ns", "told"),
    [
        ((1, 1 + 2 * SECOND_NS, 1, 1 + 2 * SECOND_NS), False),
        ((1, 2 * SECOND_NS, 1, 1 + 2 * SECOND_NS), True),
        ((1, 2 + 2 * SECOND_NS, 1, 1 + 2 * SECOND_NS), True),
        ((1, 2 + 2 * SECOND_NS, 2, 2 + 2 * SECOND_NS), False),
    ],
)
def test_of_a_key_each_enqueuer_comes_so_long_after_the_one_before(
    instants_ns: tuple[int, ...], told: bool, tmp_path: Path
) -> None:
    found = said(streamed(*instants_ns, dedup=KEYS), tmp_path)
    assert found == [NUMBERED] * told


@pytest.mark.parametrize(("step_ns", "told"), [(-1, True), (0, False), (1, False)])
def test_no_job_of_the_stream_was_intended_for_after_its_end(
    step_ns: int, told: bool, tmp_path: Path
) -> None:
    story = streamed(1, 2, 3)
    story.first("run_end")["cut_ns"] = ORIGIN_NS + 3 + step_ns
    assert said(story, tmp_path) == [BEHIND] * told


@pytest.mark.parametrize(("instant_ns", "told"), [(2, False), (1, True)])
def test_a_job_of_the_stream_that_was_refused_has_its_number_too(
    instant_ns: int, told: bool, tmp_path: Path
) -> None:
    story = streamed(1, 2)
    at_ns = ORIGIN_NS + instant_ns
    fields = {"t_ns": at_ns, "job_id": C, "outcome": "rejected"}
    story.records.insert(2, ("enqueue_failed", {**fields, "intended_ns": at_ns, "sent_ns": at_ns}))
    assert said(story, tmp_path) == [NUMBERED] * told


def test_jobs_that_were_recovered_or_that_are_none_of_the_stream_are_not_held_against_it(
    tmp_path: Path,
) -> None:
    story = Story()
    story.phase("setup")
    worker = story.worker()
    story.wait(10)
    story.enqueue(A, intended_ns=ORIGIN_NS + 3)
    story.recover(B)
    story.enqueue("h000000", intended_ns=ORIGIN_NS + 1)
    worker.start(A)
    story.enqueue(f"{A}/0", by=worker)
    fields = enqueue(story, f"{A}/0")
    fields["intended_ns"] = fields["sent_ns"]
    worker.complete(A)
    for job_id in (B, "h000000", f"{A}/0"):
        worker.run(job_id)
    assert said(finished(story, worker), tmp_path) == []


@pytest.mark.parametrize(("step_ns", "told"), [(-1, True), (0, False), (1, True)])
def test_an_enqueue_from_within_a_job_is_intended_for_when_it_is_sent(
    step_ns: int, told: bool, tmp_path: Path
) -> None:
    story = Story()
    story.phase("setup")
    worker = story.worker()
    story.enqueue(A)
    worker.start(A)
    child = f"{A}/0"
    story.enqueue(child, by=worker)
    fields = enqueue(story, child)
    fields["intended_ns"] = fields["sent_ns"] + step_ns
    worker.complete(A)
    worker.run(child)
    another = "An enqueue from within a job was intended for another instant than its call's"
    sentence = f"{another}: 1 jobs' lines, the first of {child}."
    assert said(finished(story, worker), tmp_path) == [sentence] * told


@pytest.mark.parametrize(("step_ns", "told"), [(0, False), (1, True)])
def test_on_a_busy_machine_what_was_planned_may_be_done_five_seconds_later(
    step_ns: int, told: bool, tmp_path: Path
) -> None:
    """As when a worker is killed that has not left in time."""
    story = Story()
    first = story.worker()
    story.enqueue(A)
    first.start(A)
    fault = story.tell_to_stop(first, grace_s=2.0)
    story.wait(20)
    finished(story, story.depart(first, fault, [A], killed=True))
    seen = story.first("fault_ended")["parts"]
    seen["killed_ns"] = seen["told_ns"] + 2 * SECOND_NS + LATEST_NS + step_ns
    history = load(story.write(tmp_path))
    sentences = [sentence for check in departures.CHECKS for sentence in check(history)]
    late = "Fault 1 let its worker go on when its grace was over."
    assert [one for one in sentences if one == late] == [late] * told
