"""Five fresh siblings of each history that told less of its jobs than was true.

Each kind had one input that was found, and others that its mending was tried with. These were
written down with their right value before they were run.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.summary.summary import analyse
from tests.histories.builder import Story, Worker
from tests.histories.right import Right, calm, check, finished
from tests.histories.stories import A, B, C

NEVER_FAILED = "given up though its handler never failed"


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


def given_up_while_it_was_held() -> Story:
    """The only wave's one job stops in its body until the kill."""
    story = given_up_by_the_successor()
    scenario = story.first("run_start")["scenario"]
    wave = {"kind": "entity_update", "length_s": 0.005, "hold": "started"}
    kinds = {"entity_update": {"tenant_scoped": False}}
    scenario["workload"].update(waves=[wave], waves_from="before", kinds=kinds)
    scenario["faults"] = [{"what": "kill", "slot": 0, "when_held": True}]
    story.first("fault_injected").update(trigger="held", biased=True)
    return story


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
        given_up_while_it_was_held,
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
    story.enqueue(A)
    worker.run(A)
    for job_id in (B, C):
        told = {"job_id": job_id, "outcome": outcome, "intended_ns": story.now_ns}
        story.record("enqueue_failed", **told, sent_ns=story.now_ns)
        story.planned.add(job_id)
    return finished(story, worker, rows={B: "none", C: "none"})


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
    worker = story.worker(0)
    other = story.worker(1) if survivor else None
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
        Right("fail", ("late_first_orphans",), "1 later than the library's settings allow"),
    ),
    "by a survivor": (
        lambda: back_after(6.0, survivor=True),
        Right("fail", ("late_first_orphans",), "6.0 s after the kill (later than the 4.5 s that"),
    ),
    "within the margin": (
        lambda: back_after(4.8),
        Right("pass", finding="4.8 s after the kill (later than the 4.5 s that"),
    ),
    "all of three": (
        lambda: back_after(6.0, 7.0, 8.0),
        Right("fail", ("late_first_orphans",), "3 later than the library's settings allow"),
    ),
    "the first in time and the last behind its deadline": (
        lambda: back_after(4.0, last_s=9.0),
        Right("pass", finding="1 of 2 jobs done after its deadline"),
    ),
}

KINDS: dict[str, dict[str, tuple[Callable[[], Story], Right]]] = {
    "headline against ledger": HEADLINES,
    "losses under another name": LOSSES,
    "nearly nothing ran": NEARLY_NOTHING,
    "a promise not kept": PROMISES,
}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, siblings in KINDS.items() for name in siblings]
)
def test_a_sibling_gets_its_right_value(kind: str, name: str, tmp_path: Path) -> None:
    plant, right = KINDS[kind][name]

    check(analyse(plant().write(tmp_path)), right)


def test_each_kind_has_five_siblings() -> None:
    assert {len(siblings) for siblings in KINDS.values()} == {5}
