"""What several lines tell of one execution, where one thing more or less turns a check of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.checks.executions_told import CHECKS
from analysis.history.load import load
from tests.histories.builder import Fields, Story
from tests.histories.right import finished
from tests.histories.stories import A, B, C, healthy

Change = Callable[[Story], object]
KINDS = ["job_retried", "job_discarded"]
ENDS = ["job_completed", "job_failed"]


def said(story: Story, folder: Path) -> list[str]:
    history = load(story.write(folder))
    return [sentence for check in CHECKS for sentence in check(history)]


def of_kind(story: Story, kind: str) -> list[Fields]:
    return [fields for name, fields in story.records if name == kind]


def ended(kind: str) -> Story:
    """A, B and C are run, and A once more from another row; all ends are of one kind and name the
    row of their start."""
    story = Story()
    worker = story.worker()
    story.enqueue(A, B, C)
    for job_id, row in ((A, "row-1"), (B, "row-2"), (C, "row-3"), (A, "row-4")):
        worker.start(job_id, row)
        if kind == "job_failed":
            worker.fail(job_id)
        else:
            worker.complete(job_id)
    for number, fields in enumerate(of_kind(finished(story, worker), kind), 1):
        fields["inbox_id"] = f"row-{number}"
    return story


def of_another_row(*places: int) -> Callable[[Story, str], None]:
    def change(story: Story, kind: str) -> None:
        for place in places:
            of_kind(story, kind)[place]["inbox_id"] = "another"

    return change


def of_a_start_without_a_row(story: Story, kind: str) -> None:
    of_kind(story, "job_started")[1].pop("inbox_id")


def without_its_start(story: Story, kind: str) -> None:
    story.records.remove(("job_started", of_kind(story, "job_started")[-1]))


def lacking(*places: int) -> Callable[[Story, str], None]:
    def change(story: Story, kind: str) -> None:
        for place in places:
            of_kind(story, kind)[place].pop("inbox_id")

    return change


ANOTHER_ROW = "A {} line of {} names another row than its job_started."
SOME_LACK = "Some {} lines lack the inbox_id that others have."


@pytest.mark.parametrize("kind", ENDS)
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (of_another_row(), []),
        (of_another_row(1), [ANOTHER_ROW.format("{}", B)]),
        (of_another_row(0), [ANOTHER_ROW.format("{}", A)]),
        (of_another_row(2, 1), [ANOTHER_ROW.format("{}", B)]),
        (of_a_start_without_a_row, []),
        (without_its_start, []),
        (lacking(0), [SOME_LACK]),
        (lacking(0, 1, 2), [SOME_LACK]),
        (lacking(0, 1, 2, 3), []),
    ],
)
def test_an_execution_ends_for_the_row_that_it_was_started_for(
    kind: str, change: Callable[[Story, str], None], told: list[str], tmp_path: Path
) -> None:
    story = ended(kind)
    change(story, kind)
    assert said(story, tmp_path) == [one.format(kind) for one in told]


def told_of(kind: str, *, failed: bool = True) -> Story:
    """The library tells what it made of each execution, A's, B's and C's; the last is a hook's."""
    story = Story()
    worker = story.worker()
    story.enqueue(A, B, C)
    for job_id in (A, B, C):
        worker.start(job_id)
        if failed:
            worker.fail(job_id)
        worker.emit(
            kind,
            job_id=job_id,
            execution=worker.last[job_id],
            observed_by="hook",
            inbox_id=f"row-{job_id}",
        )
    return finished(story, worker)


def by_the_library(kind: str, place: int, **values: Any) -> Change:
    return lambda story: of_kind(story, kind)[place].update(values)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, None),
        ({"execution": 9}, f"The library told of an execution of {B} that no job_started names."),
        ({"execution": 1}, f"The library told of {B} with another job's execution."),
        (
            {"inbox_id": "another"},
            f"The library told of {B} with another row than it was started for.",
        ),
    ],
)
def test_the_library_tells_of_an_execution_of_that_job_and_row(
    kind: str, values: dict[str, Any], sentence: str | None, tmp_path: Path
) -> None:
    story = told_of(kind)
    by_the_library(kind, 1, **values)(story)
    found = [one for one in said(story, tmp_path) if "told twice" not in one]
    assert found == ([] if sentence is None else [sentence])


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_of_no_execution_hides_no_other_one(kind: str, tmp_path: Path) -> None:
    story = told_of(kind)
    for place, values in ((0, {"execution": None}), (2, {"execution": 9})):
        by_the_library(kind, place, **values)(story)
    assert said(story, tmp_path) == [
        f"The library told of an execution of {C} that no job_started names.",
        "Some lines that hook observed lack the execution that others have.",
    ]


def test_a_start_that_names_no_row_contradicts_none(tmp_path: Path) -> None:
    story = told_of("job_retried")
    story.first("job_started", job_id=B).pop("inbox_id")
    assert said(story, tmp_path) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_that_names_no_row_contradicts_none(kind: str, tmp_path: Path) -> None:
    story = told_of(kind)
    for fields in of_kind(story, kind):
        fields.pop("inbox_id")
    assert said(story, tmp_path) == []


@pytest.mark.parametrize("failed", [True, False])
@pytest.mark.parametrize(("step_ns", "early"), [(-1, True), (0, False), (1, False)])
def test_the_library_tells_of_an_execution_once_it_has_failed_or_begun(
    failed: bool, step_ns: int, early: bool, tmp_path: Path
) -> None:
    story = told_of("job_retried", failed=failed)
    before = story.first("job_failed" if failed else "job_started", job_id=B)
    by_the_library("job_retried", 1, t_ns=before["t_ns"] + step_ns)(story)
    sentence = f"The library told of an execution of {B} before it had failed."
    assert said(story, tmp_path) == [sentence] * early


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("left_out", "told"),
    [
        (["slot"], True),
        (["incarnation"], True),
        (["slot", "incarnation"], True),
        (["slot", "incarnation", "n"], False),
    ],
)
def test_a_child_says_which_child_it_is(
    kind: str, left_out: list[str], told: bool, tmp_path: Path
) -> None:
    story = told_of(kind)
    for name in left_out:
        of_kind(story, kind)[1].pop(name)
    sentence = f"A child told of {B} and does not say which child it is."
    assert said(story, tmp_path) == [sentence] * told


@pytest.mark.parametrize(
    ("observer", "known"), [("executor", True), ("hook", True), ("rows", True), ("nobody", False)]
)
def test_only_whoever_can_see_it_tells_what_became_of_a_job(
    observer: str, known: bool, tmp_path: Path
) -> None:
    story = told_of("job_retried")
    for fields in of_kind(story, "job_retried"):
        fields["observed_by"] = observer
    sentences = [f"'nobody' cannot have observed what became of {j}." for j in (A, B, C)]
    assert said(story, tmp_path) == ([] if known else sentences)


@pytest.mark.parametrize("name", ["execution", "inbox_id"])
@pytest.mark.parametrize(
    ("places", "told"), [([], False), ([0], True), ([0, 1], True), ([0, 1, 2], False)]
)
def test_the_lines_of_one_observer_are_of_one_form(
    name: str, places: list[int], told: bool, tmp_path: Path
) -> None:
    story = told_of("job_discarded")
    for place in places:
        of_kind(story, "job_discarded")[place].pop(name)
    sentence = f"Some lines that hook observed lack the {name} that others have."
    assert said(story, tmp_path) == [sentence] * told


@pytest.mark.parametrize("changed", [{"observed_by": "executor"}, {"kind": "job_discarded"}])
def test_lines_of_two_observers_or_of_two_kinds_may_differ(
    changed: dict[str, str], tmp_path: Path
) -> None:
    story = told_of("job_retried")
    fields = of_kind(story, "job_retried")[1]
    fields.pop("inbox_id")
    place = next(n for n, record in enumerate(story.records) if record[1] is fields)
    fields["observed_by"] = changed.get("observed_by", fields["observed_by"])
    story.records[place] = changed.get("kind", "job_retried"), fields
    assert said(story, tmp_path) == []


@pytest.mark.parametrize(("times", "told"), [(1, False), (2, True), (3, True)])
def test_the_library_tells_once_of_an_execution_in_each_way(
    times: int, told: bool, tmp_path: Path
) -> None:
    story = Story()
    first, second = story.worker(0), story.worker(1)
    story.enqueue(A, B)
    for worker, job_id in ((first, B), (second, A)):
        worker.start(job_id)
        worker.fail(job_id)
    for _ in range(times):
        second.tell("job_retried", A)
    second.tell("job_discarded", A)
    sentence = "Slot 1 incarnation 0 told twice of what the library made of one execution."
    assert said(finished(story, first, second), tmp_path) == [sentence] * told


@pytest.mark.parametrize(
    ("numbers", "wrong"),
    [
        ((1, 2, 3), False),
        ((3, 1, 2), False),
        ((2, 3, 4), True),
        ((1, 2, 4), True),
        ((0, 1, 2), True),
    ],
)
def test_a_child_numbers_its_executions_from_one_on(
    numbers: tuple[int, ...], wrong: bool, tmp_path: Path
) -> None:
    """Another one numbers its own."""
    story = Story()
    story.phase("setup")
    workers = [story.worker(slot) for slot in (0, 1)]
    story.enqueue(A, B, C, "j000003")
    workers[0].run("j000003")
    for job_id in (A, B, C):
        workers[1].start(job_id)
    for fields, number in zip(of_kind(story, "job_started")[1:], numbers, strict=True):
        fields["execution"] = number
    sentence = "Slot 1 incarnation 0 did not number its 3 executions from 1 on, each once."
    assert said(finished(story, *workers), tmp_path) == [sentence] * wrong


def with_children() -> Story:
    """A coordinator in slot 1 with two children, and B in the same worker."""
    story = Story()
    idle, worker = story.worker(0), story.worker(1)
    story.enqueue(A, B)
    worker.start(A)
    worker.start(B)
    for number in (0, 1):
        story.enqueue(f"{A}/{number}", by=worker, execution=worker.last[A])
    for job_id in (A, B):
        worker.complete(job_id)
    for number in (0, 1):
        worker.run(f"{A}/{number}")
    return finished(story, idle, worker)


NOT_ITS_OWN = "{} was enqueued by slot 1 incarnation 0, in an execution that was not its "
NOT_ITS_OWN += "coordinator's."


def child(number: int, **values: Any) -> Change:
    return lambda story: story.first("job_enqueued", job_id=f"{A}/{number}").update(values)


def sent_at(step_ns: int, number: int = 1) -> Change:
    def change(story: Story) -> None:
        begun_ns = story.first("job_started", job_id=A)["t_ns"]
        child(number, sent_ns=begun_ns + step_ns)(story)

    return change


def written_at(step: int, number: int = 1) -> Change:
    """`step` = how many lines of its worker the enqueue stands behind the start."""

    def change(story: Story) -> None:
        place = story.first("job_started", job_id=A)["n"]
        child(number, n=place + step)(story)

    return change


def both_by_another(story: Story) -> None:
    for number in (0, 1):
        child(number, execution=2)(story)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (child(1), None),
        (child(1, execution=2), 1),
        (child(1, execution=9), 1),
        (both_by_another, 0),
        (sent_at(-1), 1),
        (sent_at(0), None),
        (sent_at(1), None),
        (written_at(-1), 1),
        (written_at(0), 1),
        (written_at(1), None),
    ],
)
def test_a_child_is_enqueued_from_within_an_execution_of_its_coordinator(
    change: Change, wrong: int | None, tmp_path: Path
) -> None:
    story = with_children()
    change(story)
    told = [] if wrong is None else [NOT_ITS_OWN.format(f"{A}/{wrong}")]
    assert said(story, tmp_path) == told


@pytest.mark.parametrize(("lack", "told"), [([], False), ([0], True), ([1], True), ([0, 1], False)])
def test_all_enqueues_of_workers_name_their_execution_or_none(
    lack: list[int], told: bool, tmp_path: Path
) -> None:
    story = with_children()
    for number in lack:
        story.first("job_enqueued", job_id=f"{A}/{number}").pop("execution")
    sentence = "Some job_enqueued lines of workers lack the execution that others have."
    assert said(story, tmp_path) == [sentence] * told


def test_a_story_without_anything_of_that_says_nothing(tmp_path: Path) -> None:
    assert said(healthy(), tmp_path) == []
