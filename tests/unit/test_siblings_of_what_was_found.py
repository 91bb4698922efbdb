"""Five fresh siblings of each history that once passed and should not have.

Each kind had one input that was found, and others that its mending was tried with. These were
written down with their right value before the code was looked at again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from analysis.report.answer import answer
from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from tests.histories.builder import Story, Worker
from tests.histories.forged import renumbered
from tests.histories.planted import A, B, C

Read = Callable[[Story], Summary]
NEVER_FAILED = "given up though its handler never failed"


class Right(NamedTuple):
    """What must be said of a history; None = anything."""

    verdict: str
    broken: tuple[str, ...] = ()
    finding: str = ""
    """A piece of the first sentence."""
    reason: str = ""
    """A piece of one of the verdict's reasons."""
    counts: tuple[tuple[str, int], ...] = ()
    """Figures of the crash or of the jobs."""


@pytest.fixture
def read(tmp_path: Path) -> Read:
    return lambda story: analyse(story.write(tmp_path))


def check(summary: Summary, right: Right) -> None:
    assert summary.verdict == right.verdict, summary.reasons
    if right.verdict != "invalid":
        found = tuple(e.name for e in summary.expectations if e.outcome == "broken")
        assert found == right.broken
    assert right.finding in answer(summary).finding
    assert any(right.reason in reason for reason in [*summary.reasons, ""]), summary.reasons
    for name, count in right.counts:
        section = summary.crash if hasattr(summary.crash, name) else summary.jobs
        assert getattr(section, name) == count, name


def calm(story: Story) -> Story:
    """On a machine that did not stall after any kill."""
    kills = [fields["t_ns"] for kind, fields in story.records if kind == "fault_injected"]
    for t_ns in kills:
        sample = {"ticks": 1000, "ticks_over_50_ms": 0, "max_us": 900}
        story.records.insert(
            -1, ("resource_sample", {"t_ns": t_ns + 1, "subject": "hiccup", **sample})
        )
    return story


def finished(story: Story, *workers: Worker, rows: dict[str, str] | None = None) -> Story:
    for worker in workers:
        story.exit(worker)
    story.end(rows)
    return story


def cut_at_effect(story: Story, worker: Worker, *jobs: str, kill: bool = True) -> None:
    """The effects are in, no event says so, and the worker dies."""
    for job_id in jobs:
        worker.start(job_id)
        worker.effect(job_id)
    if kill:
        story.kill(worker, held=jobs)
    else:
        story.exit(worker, "died", exit_code=1)
    story.wait(3)


# The headline against the ledger: what was done twice is told, whichever line is missing


def three_effects() -> Story:
    story = Story()
    story.enqueue(A, B)
    for _ in range(2):
        cut_at_effect(story, story.worker(), A)
    last = story.worker()
    for job_id in (A, B):
        last.run(job_id)
    return finished(story, last)


def completed_and_then_cut_at_the_effect() -> Story:
    story = Story()
    story.enqueue(A, B)
    first = story.worker()
    first.run(A)
    story.kill(first, held=[A])
    story.wait(3)
    cut_at_effect(story, story.worker(), A)
    last = story.worker()
    last.run(B)
    return finished(story, last)


def two_slots_cut_at_their_effects() -> Story:
    story = Story()
    story.enqueue(A, B)
    one, other = story.worker(0), story.worker(1)
    for worker, job_id in ((one, A), (other, B)):
        worker.start(job_id)
        worker.effect(job_id)
    story.kill(one, held=[A])
    story.kill(other, held=[B])
    story.wait(3)
    last = story.worker(0)
    for job_id in (A, B):
        last.run(job_id)
    return finished(story, last)


def cut_by_a_death_and_by_a_kill() -> Story:
    story = Story()
    story.enqueue(A, B)
    cut_at_effect(story, story.worker(), A, kill=False)
    cut_at_effect(story, story.worker(), A)
    last = story.worker()
    last.run(B)
    return finished(story, last)


def cut_at_the_effect_and_interrupted() -> Story:
    story = Story()
    story.enqueue(A, B)
    cut_at_effect(story, story.worker(), A)
    last = story.worker()
    for job_id in (A, B):
        last.run(job_id)
    finished(story, last)
    story.first("run_end")["ended"] = "interrupted"
    return story


TWICE = (("duplicated", 1), ("duplicate_executions", 0), ("duplicate_effects", 1))
HEADLINES: dict[str, tuple[Callable[[], Story], Right]] = {
    "three effects, one line": (
        three_effects,
        Right("pass", finding="1 of 2 jobs executed twice", counts=TWICE),
    ),
    "the second of two is cut off": (
        completed_and_then_cut_at_the_effect,
        Right("pass", finding="1 of 2 jobs executed twice", counts=TWICE),
    ),
    "two workers": (
        two_slots_cut_at_their_effects,
        Right(
            "pass",
            finding="2 of 2 jobs executed twice",
            counts=(("duplicated", 2), ("duplicates_by_crash", 2), ("duplicate_executions", 0)),
        ),
    ),
    "no line at all, one death unasked": (
        cut_by_a_death_and_by_a_kill,
        Right("pass", finding="1 of 2 jobs executed twice", counts=TWICE),
    ),
    "interrupted": (
        cut_at_the_effect_and_interrupted,
        Right("unknown", finding="Interrupted; until then: 1 of 2 jobs executed twice"),
    ),
}

# Losses under another name


def attempts_of(story: Story, count: int) -> Story:
    story.first("run_start")["scenario"]["workers"]["max_attempts"] = count
    return story


def two_kills_of_two_attempts() -> Story:
    story = attempts_of(Story(), 2)
    story.enqueue(A)
    for _ in range(2):
        worker = story.worker()
        worker.start(A)
        story.kill(worker, held=[A])
        story.wait(3)
    return finished(story, story.worker(), rows={A: "dead"})


def given_up_by_the_successor(job_id: str = A) -> Story:
    story = attempts_of(Story(), 1)
    story.enqueue(job_id)
    worker = story.worker()
    worker.start(job_id)
    story.kill(worker, held=[job_id])
    story.wait(3)
    last = story.worker()
    story.see("job_discarded", job_id)
    return finished(story, last, rows={job_id: "absent"})


def one_error_and_one_kill_of_three_attempts() -> Story:
    story = attempts_of(Story(), 3)
    story.enqueue(A)
    worker = story.worker()
    worker.start(A)
    worker.fail(A)
    worker.start(A)
    story.kill(worker, held=[A])
    return finished(story, story.worker(), rows={A: "dead"})


def a_coordinators_child_is_given_up() -> Story:
    story = attempts_of(Story(), 1)
    child = f"{A}/0"
    story.enqueue(A)
    worker = story.worker()
    worker.start(A)
    story.enqueue(child, by=worker)
    worker.complete(A)
    worker.start(child)
    story.kill(worker, held=[child])
    return finished(story, story.worker(), rows={child: "dead"})


LOSSES: dict[str, tuple[Callable[[], Story], Right]] = {
    "two kills, two attempts": (
        two_kills_of_two_attempts,
        Right("fail", ("given_up",), f"1 of 1 job {NEVER_FAILED}", "because their worker was"),
    ),
    "seen in the rows": (
        given_up_by_the_successor,
        Right("fail", ("given_up",), f"1 of 1 job {NEVER_FAILED}"),
    ),
    "a held job": (
        lambda: given_up_by_the_successor("h000000"),
        Right("fail", ("given_up",), f"1 of 1 job {NEVER_FAILED}"),
    ),
    "an attempt too early": (
        one_error_and_one_kill_of_three_attempts,
        Right("fail", ("discarded_unplanned",), "1 of 1 job given up without a planned cause"),
    ),
    "a child": (
        a_coordinators_child_is_given_up,
        Right("fail", ("given_up",), f"1 of 2 jobs {NEVER_FAILED}"),
    ),
}

# Nearly nothing ran


def turned_away(outcome: str) -> Story:
    """All but one are turned away, though the scenario gives each a key of its own."""
    story = Story()
    worker = story.worker()
    story.enqueue(C)
    worker.run(C)
    for job_id in (A, B):
        told = {"job_id": job_id, "outcome": outcome, "intended_ns": story.now_ns}
        story.record("enqueue_failed", **told, sent_ns=story.now_ns)
        story.planned.add(job_id)
    return finished(story, worker, rows={A: "none", B: "none"})


def failed_though_nothing_was_to_fail(error_class: str, *, at_last: bool) -> Story:
    """Three jobs fail by an error that no plan has; what the child calls it is its own word."""
    story = Story()
    worker = story.worker()
    story.enqueue(A, B, C)
    for job_id in (A, B, C):
        worker.start(job_id)
        worker.fail(job_id, error_class=error_class)
        if at_last:
            worker.run(job_id)
    story.first("run_start")["scenario"]["workload"].pop("errors", None)
    return finished(story, worker, rows={} if at_last else dict.fromkeys((A, B, C), "dead"))


def all_still_queued() -> Story:
    story = Story()
    worker = story.worker()
    story.enqueue(A, B, C)
    worker.run(A)
    return finished(story, worker, rows={B: "queued", C: "queued"})


NEARLY_NOTHING: dict[str, tuple[Callable[[], Story], Right]] = {
    "deduplicated without keys": (
        lambda: turned_away("deduplicated"),
        Right("fail", ("refused",), "2 of 3 jobs refused by the queue"),
    ),
    "called rate limits": (
        lambda: failed_though_nothing_was_to_fail("rate_limit", at_last=True),
        Right("fail", ("unplanned_failures",)),
    ),
    "called transient": (
        lambda: failed_though_nothing_was_to_fail("transient", at_last=True),
        Right("fail", ("unplanned_failures",)),
    ),
    "called permanent": (
        lambda: failed_though_nothing_was_to_fail("permanent", at_last=False),
        Right("fail", ("discarded_unplanned", "unplanned_failures")),
    ),
    "queued for ever": (
        all_still_queued,
        Right("unknown", finding="2 of 3 jobs not settled when the run ended"),
    ),
}

# A promise not kept


def back_after(*after_s: float, survivor: bool = False, last_s: float = 0.5) -> Story:
    """One kill for each, whose two orphans come back so long after it and `last_s` later."""
    story = Story()
    other = story.worker(1) if survivor else None
    worker = story.worker(0)
    for place, seconds in enumerate(after_s):
        jobs = [f"j{2 * place + number:06d}" for number in range(2)]
        story.enqueue(*jobs)
        for job_id in jobs:
            worker.start(job_id)
        story.kill(worker, held=jobs)
        kill_ns = [f["t_ns"] for k, f in story.records if k == "fault_injected"][-1]
        worker = other or story.worker(0)
        story.now_ns = kill_ns + round(seconds * 1e9) - 1_000_000
        worker.run(jobs[0])
        story.wait(last_s)
        worker.run(jobs[1])
    return calm(finished(story, worker))


PROMISES: dict[str, tuple[Callable[[], Story], Right]] = {
    "the second of two kills": (
        lambda: back_after(4.0, 6.0),
        Right("fail", ("late_first_orphans",), "1 later than expected"),
    ),
    "by a survivor": (
        lambda: back_after(6.0, survivor=True),
        Right("fail", ("late_first_orphans",), "after 6.0 s (later than the 4.5 s expected)"),
    ),
    "within the margin": (
        lambda: back_after(4.8),
        Right("pass", finding="after 4.8 s (later than the 4.5 s expected)"),
    ),
    "all of three": (
        lambda: back_after(6.0, 7.0, 8.0),
        Right("fail", ("late_first_orphans",), "3 later than expected"),
    ),
    "the first in time and the last behind its deadline": (
        lambda: back_after(4.0, last_s=9.0),
        Right("pass", finding="1 of 2 jobs done after its deadline"),
    ),
}

# Nobody to rescue


def orphaned(*slots: int) -> tuple[Story, Worker, list[Worker]]:
    """A is open in the worker of slot 0 when that is killed."""
    story = Story()
    victim = story.worker(0)
    others = [story.worker(slot) for slot in slots]
    story.enqueue(A)
    victim.start(A)
    story.kill(victim, held=[A])
    return story, victim, others


def left_behind(story: Story, victim: Worker) -> Story:
    story.wait(30)
    story.row(A, "claimed", claimed_by=victim.identity)
    story.end()
    return story


def a_dead_one_and_one_that_is_never_ready() -> Story:
    story, victim, _ = orphaned()
    second = story.worker()
    story.wait(1)
    story.exit(second, "died", exit_code=1)
    third = story.worker(ready=False)
    story.wait(20)
    story.exit(third, "died", exit_code=1)
    return left_behind(story, victim)


def a_survivor_that_dies_soon(reason: str, **fields: Any) -> Story:
    story, victim, (other,) = orphaned(1)
    story.wait(2)
    story.exit(other, reason, **fields)
    return left_behind(story, victim)


def a_successor_that_is_stopped_soon() -> Story:
    story, victim, _ = orphaned()
    second = story.worker()
    story.wait(2)
    story.exit(second)
    return left_behind(story, victim)


def each_slot_dies_in_turn() -> Story:
    story, victim, (other,) = orphaned(1)
    story.wait(1)
    story.kill(other)
    second = story.worker(1)
    story.wait(1)
    story.kill(second)
    return left_behind(story, victim)


NOBODY = Right("unknown", reason="no other lived long enough", counts=(("stranded", 0),))
LEFT_ALONE: dict[str, tuple[Callable[[], Story], Right]] = {
    "one dies, one is never ready": (a_dead_one_and_one_that_is_never_ready, NOBODY),
    "the survivor dies unasked": (
        lambda: a_survivor_that_dies_soon("died", exit_code=1),
        NOBODY,
    ),
    "the survivor stops": (lambda: a_survivor_that_dies_soon("stopped"), NOBODY),
    "the successor stops": (a_successor_that_is_stopped_soon, NOBODY),
    "one slot after another": (each_slot_dies_in_turn, NOBODY),
}

# A pass that means nothing


def never_rescued(*, raced: bool = False, row: str = "claimed", **options: Any) -> Story:
    story = Story(rescue=None, **options)
    victim, other = story.worker(0), story.worker(1)
    story.enqueue(A, B)
    victim.start(A)
    story.kill(victim, held=[A], raced=raced)
    other.run(B)
    story.exit(other)
    story.wait(1)
    story.row(A, row, claimed_by=victim.identity)
    story.end()
    return story


def left_by_a_death_unasked() -> Story:
    story = Story(rescue=None)
    first = story.worker()
    story.enqueue(A, B)
    first.start(A)
    story.exit(first, "died", exit_code=1)
    second = story.worker()
    second.run(B)
    story.exit(second)
    story.row(A, "claimed", claimed_by=first.identity)
    story.end()
    return story


STRANDED = Right("fail", ("stranded",), "1 of 2 jobs left behind", "never rescues by itself")
MEANINGLESS: dict[str, tuple[Callable[[], Story], Right]] = {
    "a survivor raced": (lambda: never_rescued(raced=True), STRANDED),
    "in the job's own transaction": (
        lambda: never_rescued(acknowledges_in_transaction=True),
        STRANDED,
    ),
    "exact counts that do not apply": (
        lambda: never_rescued(expectations={"re_executions": 1, "duplicated": 0}),
        STRANDED,
    ),
    "a death unasked": (left_by_a_death_unasked, STRANDED),
    "a bound of its own that is not asked for": (
        lambda: never_rescued(expectations={"max_first_orphan_s": 1.0}),
        Right("fail", ("stranded",), "1 of 2 jobs left behind"),
    ),
}

# Causes


def two_rows_in_two_workers() -> Story:
    story = Story()
    one, other = story.worker(0), story.worker(1)
    story.enqueue(A)
    for worker, row in ((one, "row-1"), (other, "row-2")):
        worker.start(A, row)
        worker.complete(A)
    return finished(story, one, other)


def parent_and_child(story: Story, worker: Worker, rows: Iterable[str]) -> str:
    """The coordinator runs once, its child from each of these rows."""
    child = f"{A}/0"
    worker.start(A)
    story.enqueue(child, by=worker)
    worker.complete(A)
    for row in rows:
        worker.start(child, row)
        worker.complete(child)
    return child


def a_childs_second_row() -> Story:
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    parent_and_child(story, worker, ("row-1", "row-2"))
    return finished(story, worker)


def a_child_cut_off() -> Story:
    story = Story()
    story.enqueue(A)
    first = story.worker()
    child = parent_and_child(story, first, (f"row-{A}/0",))
    story.kill(first, held=[child])
    story.wait(3)
    second = story.worker()
    second.run(child)
    return finished(story, second)


def the_coordinator_again_and_its_child_once() -> Story:
    story = Story()
    story.enqueue(A)
    first = story.worker()
    child = f"{A}/0"
    first.start(A)
    story.enqueue(child, by=first)
    story.kill(first, held=[A])
    story.wait(3)
    second = story.worker()
    second.start(A)
    story.enqueue(child, by=second)
    second.complete(A)
    second.run(child)
    return finished(story, second)


def three_rows_and_a_kill() -> Story:
    story = Story()
    story.enqueue(A)
    first = story.worker()
    first.start(A, "row-1")
    first.complete(A)
    first.start(A, "row-2")
    story.kill(first, held=[A])
    story.wait(3)
    second = story.worker()
    second.start(A, "row-3")
    second.complete(A)
    return finished(story, second)


def caused(cause: str, count: int = 1) -> tuple[tuple[str, int], ...]:
    names = ("by_crash", "re_enqueued", "live")
    return tuple((f"duplicates_{name}", count if name == cause else 0) for name in names)


CAUSES: dict[str, tuple[Callable[[], Story], Right]] = {
    "two rows, two workers": (
        two_rows_in_two_workers,
        Right("pass", finding="1 of 1 job executed twice", counts=caused("live")),
    ),
    "a child's second row": (a_childs_second_row, Right("pass", counts=caused("live"))),
    "a child cut off": (a_child_cut_off, Right("pass", counts=caused("by_crash"))),
    "the coordinator twice, its child once": (
        the_coordinator_again_and_its_child_once,
        Right("pass", counts=caused("", 0)),
    ),
    "three rows and a kill": (three_rows_and_a_kill, Right("pass", counts=caused("by_crash"))),
}

# Void, not broken: what was refused, and was in all the same


def rejected_and_seen(see: Callable[[Story, Worker], object]) -> Story:
    story = Story()
    worker = story.worker()
    story.enqueue(B)
    worker.run(B)
    told = {"job_id": A, "outcome": "rejected", "intended_ns": story.now_ns}
    story.record("enqueue_failed", **told, sent_ns=story.now_ns, error="full")
    story.planned.add(A)
    see(story, worker)
    return finished(story, *([] if story.faults else [worker]), rows={A: "none"})


def held_at_a_kill(story: Story, worker: Worker) -> None:
    story.kill(worker, held=[A])
    story.wait(3)
    story.exit(story.worker())


def given_up_by_the_library(story: Story, worker: Worker) -> None:
    story.see("job_discarded", A)


def started_and_failed(_: Story, worker: Worker) -> None:
    worker.start(A)
    worker.fail(A)


def effect_alone(story: Story, worker: Worker) -> None:
    story.row(A, "absent", effects=[[0, 0, 1]])


REFUSED_AND_IN = Right("invalid", reason="rejected, and yet the queue had")
REFUSED: dict[str, tuple[Callable[[], Story], Right]] = {
    "held at a kill": (lambda: rejected_and_seen(held_at_a_kill), REFUSED_AND_IN),
    "given up": (lambda: rejected_and_seen(given_up_by_the_library), REFUSED_AND_IN),
    "failed": (
        lambda: rejected_and_seen(started_and_failed),
        REFUSED_AND_IN,
    ),
    "an effect alone": (lambda: rejected_and_seen(effect_alone), Right("invalid")),
    "a row that waits": (
        lambda: rejected_and_seen(lambda story, _: story.row(A, "queued")),
        REFUSED_AND_IN,
    ),
}

# Witnesses that are not read, and witnesses that are not compared


def clean(spoil: Callable[[Story], object], *, kills: int = 0) -> Story:
    """Jobs A, B and C, run by a worker that stops cleanly after a drain that agreed; before it as
    many were killed while they held C."""
    story = Story()
    story.enqueue(A, B, C)
    for _ in range(kills):
        victim = story.worker()
        victim.start(C)
        victim.effect(C)
        story.kill(victim, held=[C])
        story.wait(3)
    worker = story.worker()
    for job_id in (A, B, C):
        worker.run(job_id)
    finished(story, worker)
    spoil(story)
    renumbered(story)
    return story


def effects_of(story: Story, job_id: str, *, read: str = "final", fault: int | None = None) -> Any:
    wanted = {"read": read, "job_id": job_id} | ({} if fault is None else {"fault": fault})
    return story.first("row_read", **wanted).setdefault("effects", [])


def started_once_more(story: Story) -> None:
    """A duplicate whose end and effect are hidden."""
    like = story.first("job_started", job_id=B)
    place = next(n for n, r in enumerate(story.records) if r[0] == "child_exited")
    story.records.insert(
        place, ("job_started", {**like, "execution": 9, "t_ns": story.records[place][1]["t_ns"]})
    )


def failed_and_yet_an_effect(story: Story) -> None:
    place = next(n for n, r in enumerate(story.records) if r[1] is story.first("job_completed"))
    fields = {**story.records[place][1], "error_class": "unplanned"}
    story.records[place] = ("job_failed", fields)


def an_effect_of_nobody(story: Story) -> None:
    effects_of(story, A).append([0, 0, 44])


def events_that_are_missing(story: Story) -> None:
    """The last line of the worker is gone, and its exit still counts it."""
    story.drop("job_completed", job_id=C)
    effects_of(story, C).clear()


UNREAD: dict[str, tuple[Callable[[], Story], Right]] = {
    "a second execution is open": (
        lambda: clean(started_once_more),
        Right("invalid", reason="an execution is still open"),
    ),
    "the last execution is open": (
        lambda: clean(events_that_are_missing),
        Right("invalid", reason="an execution is still open"),
    ),
    "an effect of an execution without a number": (
        lambda: clean(an_effect_of_nobody),
        Right("invalid", reason="never started"),
    ),
    "an effect of what was called failed": (
        # No contradiction: a commit may be done though its answer never came.
        lambda: clean(failed_and_yet_an_effect),
        Right("fail", ("unplanned_failures",)),
    ),
    "an open one behind a kill": (
        lambda: clean(started_once_more, kills=1),
        Right("invalid", reason="an execution is still open"),
    ),
}


def gone_at_the_end(story: Story) -> None:
    effects_of(story, C).remove([0, 0, 1])


def gone_at_the_second_kill(story: Story) -> None:
    """Seen at kill 0 and at the end, and not between."""
    effects_of(story, C, read="kill", fault=1).remove([0, 0, 1])


def all_gone(story: Story) -> None:
    row = story.first("row_read", read="final", job_id=C)
    row["effects"] = [effect for effect in row["effects"] if effect[1] == 2]


def of_another_worker(story: Story) -> None:
    """The effect at the end bears the number of a worker that never ran the job."""
    for effect in effects_of(story, C):
        effect[0] = 3


def read_before_it_was_made(story: Story) -> None:
    """Kill 0 reads the effect of the worker that came after it."""
    effects_of(story, C, read="kill", fault=0).append([0, 1, 1])


COMPARED: dict[str, tuple[Callable[[], Story], Right]] = {
    "one of three is gone": (
        lambda: clean(gone_at_the_end, kills=2),
        Right("invalid", reason="gone at the final read"),
    ),
    "gone between": (lambda: clean(gone_at_the_second_kill, kills=2), Right("invalid")),
    "both are gone": (
        lambda: clean(all_gone, kills=2),
        Right("invalid", reason="gone at the final read"),
    ),
    "of a worker that never was": (lambda: clean(of_another_worker, kills=1), Right("invalid")),
    "before its worker lived": (lambda: clean(read_before_it_was_made, kills=2), Right("invalid")),
}

KINDS: dict[str, dict[str, tuple[Callable[[], Story], Right]]] = {
    "headline against ledger": HEADLINES,
    "losses under another name": LOSSES,
    "nearly nothing ran": NEARLY_NOTHING,
    "a promise not kept": PROMISES,
    "nobody to rescue": LEFT_ALONE,
    "a pass that means nothing": MEANINGLESS,
    "causes": CAUSES,
    "void, not broken": REFUSED,
    "witnesses not read": UNREAD,
    "witnesses not compared": COMPARED,
}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, siblings in KINDS.items() for name in siblings]
)
def test_a_sibling_of_what_was_found_gets_its_right_value(kind: str, name: str, read: Read) -> None:
    plant, right = KINDS[kind][name]

    check(read(plant()), right)


def test_each_kind_has_five_siblings() -> None:
    assert {len(siblings) for siblings in KINDS.values()} == {5}
