"""The rows and effects that are read after kills, where one thing more or less turns a check."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.checks.kill_reads import CHECKS
from analysis.history.load import load
from tests.histories.altered import harm_server, kill_read, read_at_nought
from tests.histories.builder import Fields, Story
from tests.histories.right import finished
from tests.histories.stories import A, B, crash, one_job, re_enqueued

Change = Callable[[Story], object]
FIRST = "worker-0-0"


def said(story: Story, folder: Path) -> list[str]:
    history = load(story.write(folder))
    return [sentence for check in CHECKS for sentence in check(history)]


def killed(times: int = 2, *, planned_failure: bool = False, **options: Any) -> Story:
    """A and B are open at each kill, A having been done by each victim; the last worker ends both.
    With a planned failure, the first victim also failed A once."""
    story = Story(**options)
    story.enqueue(A, B)
    for number in range(times):
        victim = story.worker()
        if planned_failure and not number:
            victim.start(A)
            victim.fail(A)
        victim.run(A)
        victim.start(B)
        story.kill(victim, held=[A, B])
        story.wait(3)
    last = story.worker()
    for job_id in (A, B):
        last.run(job_id)
    finished(story, last)
    if planned_failure:
        for fields in lines(story, "row_read"):
            if fields.get("job_id") == A:
                fields["failures"] = 1
    return story


def lines(story: Story, kind: str) -> list[Fields]:
    return [fields for name, fields in story.records if name == kind]


def setting(fault: int, job_id: str | None, **values: Any) -> Change:
    return lambda story: kill_read(story, fault, job_id).update(values)


def doubled(fault: int, job_id: str | None) -> Change:
    def change(story: Story) -> None:
        fields = kill_read(story, fault, job_id)
        place = next(n for n, record in enumerate(story.records) if record[1] is fields)
        story.records.insert(place, ("row_read", dict(fields)))
        if job_id is not None:
            kill_read(story, fault, None)["lines"] += 1

    return change


def unread(fault: int) -> Change:
    """The certificate does not speak of a read, and there is none."""

    def change(story: Story) -> None:
        seen = next(f for f in lines(story, "fault_ended") if f["fault"] == fault)
        seen["parts"].pop("rows_read_ns")
        story.records = [
            record
            for record in story.records
            if record[0] != "row_read" or record[1].get("fault") != fault
        ]

    return change


def after_another_fault(story: Story, fault: int) -> None:
    for fields in lines(story, "row_read"):
        if "fault" in fields:
            fields["fault"] = fault


@pytest.mark.parametrize("times", [1, 2, 3])
def test_reads_that_are_whole_say_nothing(times: int, tmp_path: Path) -> None:
    assert said(killed(times), tmp_path) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (doubled(0, None), "1 does not count: it has 2 closing lines where there must be one."),
        (
            lambda story: story.records.remove(("row_read", kill_read(story, 1, None))),
            "2 does not count: it has 0 closing lines where there must be one.",
        ),
        (
            setting(1, None, lines=3),
            "2 does not count: its closing line speaks of 3 lines, the history has 2.",
        ),
        (setting(1, None, error="gone"), "2 does not count: gone."),
        (doubled(1, B), "2 has one row twice."),
    ],
)
def test_a_read_has_each_row_once_and_one_closing_line(
    change: Change, sentence: str, tmp_path: Path
) -> None:
    story = killed()
    change(story)
    assert said(story, tmp_path)[0] == f"The read of the rows after kill {sentence}"


@pytest.mark.parametrize("job_id", [A, B, None])
@pytest.mark.parametrize("step_ns", [-1, 1])
def test_each_line_of_a_read_bears_the_instant_of_the_certificate(
    job_id: str | None, step_ns: int, tmp_path: Path
) -> None:
    story = killed()
    kill_read(story, 1, job_id)["t_ns"] += step_ns
    found = said(story, tmp_path)
    assert "The read of the rows after kill 2 was not when its certificate says." in found


def test_a_kill_whose_rows_were_not_read_hides_no_read_after_a_later_one(tmp_path: Path) -> None:
    story = killed()
    unread(0)(story)
    assert said(story, tmp_path) == []

    doubled(1, B)(story)
    assert said(story, tmp_path) == ["The read of the rows after kill 2 has one row twice."]


def test_a_fault_that_ends_no_process_needs_no_read_and_hides_none(tmp_path: Path) -> None:
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    story.stall(worker, 1.0)
    worker.start(A)
    story.kill(worker, held=[A])
    story.end({A: "queued"})
    assert said(story, tmp_path) == []

    doubled(1, A)(story)
    assert said(story, tmp_path) == ["The read of the rows after kill 2 has one row twice."]


def test_rows_that_were_read_for_a_fault_that_never_ended_are_told(tmp_path: Path) -> None:
    story = killed(1)
    after_another_fault(story, 1)
    found = said(story, tmp_path)
    assert found[0] == "Rows were read for fault 2, which has no fault_ended line."


LACKS = "The read after kill {} lacks {} that had been told of before: {}."
EFFECT, FAILURE = "an effect", "a planned failure"


def completed_at(step_ns: int) -> Story:
    """The kill's read lacks A's effect, whose completion was told so long after it."""
    story = killed(1)
    seen = kill_read(story, 0, A)
    seen["effects"] = []
    story.first("job_completed", job_id=A)["t_ns"] = seen["t_ns"] + step_ns
    return story


@pytest.mark.parametrize(("step_ns", "lacks"), [(-1, True), (0, True), (1, False)])
def test_what_was_completed_up_to_a_read_is_there_to_be_read(
    step_ns: int, lacks: bool, tmp_path: Path
) -> None:
    told = [LACKS.format(1, EFFECT, A)] if lacks else []
    assert said(completed_at(step_ns), tmp_path) == told


def failed_at(step_ns: int, error_class: str = "transient", read: int = 0) -> Story:
    """The kill's read has so many failures of A, which failed once, so long after it."""
    story = killed(1, planned_failure=True)
    seen = kill_read(story, 0, A)
    seen["failures"] = read
    failure = story.first("job_failed", job_id=A)
    failure.update(t_ns=seen["t_ns"] + step_ns, error_class=error_class)
    return story


@pytest.mark.parametrize(
    ("step_ns", "error_class", "read", "lacks"),
    [
        (-1, "transient", 0, True),
        (0, "transient", 0, True),
        (1, "transient", 0, False),
        (0, "rate_limit", 0, True),
        (0, "unplanned", 0, False),
        (0, "transient", 1, False),
        (0, "transient", 2, False),
    ],
)
def test_what_failed_by_plan_up_to_a_read_is_there_to_be_read(
    step_ns: int, error_class: str, read: int, lacks: bool, tmp_path: Path
) -> None:
    told = [LACKS.format(1, FAILURE, A)] if lacks else []
    assert said(failed_at(step_ns, error_class, read), tmp_path) == told


def test_failures_are_missed_only_where_the_queue_keeps_any(tmp_path: Path) -> None:
    story = failed_at(0)
    for fields in lines(story, "row_read"):
        fields.pop("failures", None)
    assert said(story, tmp_path) == []


def test_the_failures_of_a_jobs_rows_are_counted_together(tmp_path: Path) -> None:
    """A failed twice, and its two rows at the kill have a failure each."""
    story = Story()
    story.enqueue(A)
    victim = story.worker()
    for _ in range(2):
        victim.start(A)
        victim.fail(A)
    story.kill(victim, held=[A, A])
    finished(story, story.worker(), rows={A: "queued"})
    for number, fields in enumerate(lines(story, "row_read")):
        if "job_id" in fields:
            fields.update(inbox_id=f"row-{number}", failures=1)
    assert said(story, tmp_path) == []


@pytest.mark.parametrize("broken", ["error", "effects_error"])
def test_a_read_that_failed_lacks_nothing_and_excuses_no_other(broken: str, tmp_path: Path) -> None:
    story = killed()
    kill_read(story, 0, None)[broken] = "gone"
    for fault in (0, 1):
        kill_read(story, fault, A)["effects"] = []
    lacking = [one for one in said(story, tmp_path) if "lacks" in one]
    assert lacking == [LACKS.format(2, EFFECT, A)]


def test_where_jobs_commit_no_effects_none_is_missed(tmp_path: Path) -> None:
    assert said(killed(effects=False), tmp_path) == []


def test_a_harmed_server_may_have_lost_what_was_told_of(tmp_path: Path) -> None:
    story = completed_at(0)
    harm_server(story, story.now_ns)
    assert said(story, tmp_path) == []


def test_each_kill_is_told_of_what_its_own_read_lacks(tmp_path: Path) -> None:
    """The second read lacks the effects of both victims, the first one that of the first."""
    story = killed()
    for fault in (0, 1):
        kill_read(story, fault, A)["effects"] = []
    assert said(story, tmp_path) == [LACKS.format(1, EFFECT, A), LACKS.format(2, EFFECT, A)]


def namesake_spawned(step_ns: int, *, of_its_own: bool) -> Story:
    """The row of A was read as held by an incarnation that was spawned so long after the read,
    under a name of its own or under the victim's."""
    story = killed(1)
    spawned = story.first("child_spawned", incarnation=1)
    seen = kill_read(story, 0, A)
    spawned["t_ns"] = seen["t_ns"] + step_ns
    if of_its_own:
        seen["claimed_by"] = story.first("child_ready", incarnation=1)["identity"]
        kill_read(story, 0, B)["claimed_by"] = seen["claimed_by"]
    else:
        story.first("child_ready", incarnation=1)["identity"] = FIRST
    return story


@pytest.mark.parametrize(
    ("step_ns", "of_its_own", "told"),
    [(-1, True, []), (0, True, []), (1, True, [A, B]), (1, False, [])],
)
def test_a_row_is_held_by_a_name_that_some_process_bore_already(
    step_ns: int, of_its_own: bool, told: list[str], tmp_path: Path
) -> None:
    story = namesake_spawned(step_ns, of_its_own=of_its_own)
    assert said(story, tmp_path) == [
        f"The row of {job_id} was held by 'worker-0-1' at a kill, before that incarnation was "
        "spawned."
        for job_id in told
    ]


def held_by_a_stranger(story: Story) -> None:
    for job_id in (A, B):
        kill_read(story, 0, job_id)["claimed_by"] = "a stranger"


@pytest.mark.parametrize(
    "change",
    [
        held_by_a_stranger,
        lambda story: story.drop("child_spawned", incarnation=0),
    ],
)
def test_a_holder_whose_spawn_nobody_tells_of_is_no_later_one(
    change: Change, tmp_path: Path
) -> None:
    story = read_at_nought(killed(1, effects=False))
    change(story)
    found = said(story, tmp_path)
    assert not any("was spawned" in one for one in found), found


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"state": None}, f"A row of {B} was read without a state."),
        ({"claimed_by": None, "claimable_ns": None}, f"A row of {B} is claimed, and by nobody."),
        ({"claimed_by": None}, f"A row of {B} is claimed, and by nobody."),
        ({"state": "queued"}, f"A row of {B} is queued, and claimable as if it were claimed."),
        ({"state": "queued", "claimable_ns": None}, None),
        ({"state": "queued", "claimable_ns": None, "claimed_by": None}, None),
    ],
)
def test_each_row_that_was_read_is_of_one_piece(
    values: dict[str, Any], sentence: str | None, tmp_path: Path
) -> None:
    """The row stands in the second read, behind the line that closes the first."""
    story = killed()
    kill_read(story, 1, B).update(values)
    assert said(story, tmp_path) == ([] if sentence is None else [sentence])


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ([], False),
        ([(0, A)], True),
        ([(0, B)], True),
        ([(0, A), (0, B)], False),
        ([(0, A), (0, B), (1, A), (1, B)], False),
    ],
)
def test_all_rows_of_a_holder_become_claimable_at_a_kill_or_none(
    changed: list[tuple[int, str]], told: bool, tmp_path: Path
) -> None:
    """What is said of one kill is not held against another, whose rows another one held."""
    story = killed()
    for fault, job_id in changed:
        kill_read(story, fault, job_id)["claimable_ns"] = None
    some = f"Of the rows of '{FIRST}' at kill 1 some become claimable, some not."
    assert said(story, tmp_path) == [some] * told


def test_two_holders_at_one_kill_may_be_told_of_differently(tmp_path: Path) -> None:
    story = killed(1)
    kill_read(story, 0, A).update(claimed_by="a stranger", claimable_ns=None)
    assert said(story, tmp_path) == []


def test_a_row_that_nobody_holds_says_nothing_of_when_others_become_claimable(
    tmp_path: Path,
) -> None:
    story = killed(1)
    kill_read(story, 0, A).update(state="queued", claimable_ns=None)
    assert said(story, tmp_path) == []


@pytest.mark.parametrize(
    ("named", "told"), [((), False), ((A,), True), ((B,), True), ((A, B), False)]
)
def test_all_rows_that_were_read_at_kills_are_named_or_none(
    named: tuple[str, ...], told: bool, tmp_path: Path
) -> None:
    story = killed(1)
    for job_id in named:
        kill_read(story, 0, job_id)["inbox_id"] = f"row-{job_id}"
    some = "Some rows that were read at kills lack the inbox_id that others have."
    assert said(story, tmp_path) == [some] * told


def test_a_row_that_is_absent_has_no_name_to_lack(tmp_path: Path) -> None:
    story = killed(1)
    kill_read(story, 0, A)["inbox_id"] = f"row-{A}"
    kill_read(story, 0, B).update(state="absent", claimed_by=None, claimable_ns=None)
    assert said(story, tmp_path) == []


@pytest.mark.parametrize("plant", [crash, lambda: one_job({A: "queued"}), re_enqueued])
def test_the_stories_themselves_contradict_nothing(
    plant: Callable[[], Story], tmp_path: Path
) -> None:
    assert said(plant(), tmp_path) == []
