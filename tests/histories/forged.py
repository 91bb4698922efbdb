"""Forged histories: lines that contradict one another, or that say too little to be believed.

Where a planted fault is the library's, a forgery is one of our own witnesses lying. Each stands for
a hole that a history once slipped through; none may pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.histories.builder import Fields, Story
from tests.histories.planted import Planted
from tests.histories.stories import A, B, changed, crash, healthy

Change = Callable[[Story], object]


def setting(kind: str, where: dict[str, Any] | None = None, **values: Any) -> Change:
    """Change the first line of a kind."""
    return lambda story: story.first(kind, **(where or {})).update(values)


def of_the_victim(kind: str, **values: Any) -> Change:
    """Change whom the first line of a kind, and no other, says that the fault hit."""

    def change(story: Story) -> None:
        fields = story.first(kind)
        fields["target"] = {**fields["target"], **values}

    return change


def witnessed(**values: Any) -> Change:
    """Change what was seen of the first victim's end."""
    return lambda story: story.first("fault_ended")["parts"].update(values)


def doubling(kind: str) -> Change:
    """Write the first line of a kind twice."""

    def change(story: Story) -> None:
        place = [name for name, _ in story.records].index(kind)
        story.records.insert(place, (kind, dict(story.records[place][1])))

    return change


def dropping(*kinds: str) -> Change:
    """Take the first line of each kind out."""

    def change(story: Story) -> None:
        for kind in kinds:
            story.drop(kind)

    return change


def renumbered(story: Story) -> None:
    """Give every child's lines their ordinals anew, so that no gap gives a change away."""
    counts: dict[tuple[int, int], int] = {}
    for _, fields in story.records:
        if "n" in fields:
            place = fields["slot"], fields["incarnation"]
            fields["n"] = counts.get(place, 0)
            counts[place] = fields["n"] + 1
    for kind, fields in story.records:
        if kind == "child_exited":
            fields["events"] = counts[fields["slot"], fields["incarnation"]]


def start_dropped(kind: str) -> Callable[[], Story]:
    """An execution of B ends, by a line of `kind`, that never began; no ordinal is missing."""

    def plant() -> Story:
        story = Story()
        worker = story.worker()
        story.enqueue(A, B)
        worker.run(A)
        worker.start(B)
        if kind == "job_failed":
            worker.fail(B)
        else:
            worker.complete(B)
        story.exit(worker)
        story.drop("job_started", job_id=B)
        renumbered(story)
        story.end()
        return story

    return plant


def effect_of(job_id: str, *execution: int) -> Callable[[], Story]:
    """One more effect row of a job, by an execution that is not its own."""
    return lambda: changed(
        lambda story: story.first("row_read", read="final", job_id=job_id)["effects"].append(
            list(execution)
        ),
        healthy,
    )


def ended_before_it_started(story: Story) -> None:
    begin, end = story.first("job_started", job_id=B), story.first("job_completed", job_id=B)
    for name in ("n", "t_ns"):
        begin[name], end[name] = end[name], begin[name]


def numbered_again(kind: str) -> Callable[[], Story]:
    """Two executions of one worker bear the number 1."""

    def plant() -> Story:
        story = healthy()
        fields = [f for k, f in story.records if k == kind]
        fields[1]["execution"] = fields[0]["execution"]
        return story

    return plant


def shared_by_two_jobs() -> Story:
    """B's completion bears the number of A's execution."""
    return changed(setting("job_completed", {"job_id": B}, job_id=A, execution=2), healthy)


def one_identity() -> Story:
    story = crash()
    for kind, fields in story.records:
        if kind == "child_ready":
            fields["identity"] = "everybody"
        if "claimed_by" in fields:
            fields["claimed_by"] = "everybody"
    return story


def nothing_came_in() -> Story:
    """All enqueues were indeterminate and none was seen."""
    story = Story()
    worker = story.worker()
    for job_id in (A, B):
        story.record(
            "enqueue_failed",
            job_id=job_id,
            outcome="indeterminate",
            intended_ns=story.now_ns,
            sent_ns=story.now_ns,
        )
    story.exit(worker)
    story.end(stream_jobs=2)
    return story


def timed_kill_planned(*notes: str) -> Callable[[], Story]:
    """A kill was planned for an instant and never came."""

    def plant() -> Story:
        story = healthy()
        story.first("run_start")["scenario"]["faults"] = [{"what": "kill", "at_s": 2.0, "slot": 0}]
        end: Fields = story.records.pop()[1]
        for code in notes:
            story.record("note", code=code, message="it never came")
        end["t_ns"] = story.now_ns
        story.records.append(("run_end", end))
        return story

    return plant


def outside_its_life(*, early: bool) -> Callable[[], Story]:
    """A line of the victim is stamped before its spawn, or after it had been reaped."""

    def change(story: Story) -> None:
        if early:
            spawned_ns = story.first("child_spawned")["t_ns"]
            story.first("child_ready")["t_ns"] = spawned_ns - 1
        else:
            reaped_ns = story.first("fault_ended")["parts"]["reaped_ns"]
            story.first("job_completed", incarnation=0)["t_ns"] = reaped_ns + 1

    return lambda: changed(change)


def read_too_early(story: Story) -> None:
    story.first("row_read", read="final")["t_ns"] = story.first("child_exited")["t_ns"] - 1


def effect_of_the_killed(story: Story) -> None:
    """An effect of A was there at the kill, and is not there at the end."""
    row = story.first("row_read", read="kill", job_id=A)
    row["effects"] = [[0, 0, 1]]


def with_two_executions_unfinished(*, effect: bool) -> Callable[[], Story]:
    """B's completion is left out, its ordinals mended: the worker stopped and the drain agreed."""

    def plant() -> Story:
        story = healthy()
        story.drop("job_completed", job_id=B)
        if not effect:
            story.first("row_read", read="final", job_id=B).pop("effects")
        renumbered(story)
        return story

    return plant


def held_by_nobody_yet(story: Story) -> None:
    row = story.first("row_read", read="kill", job_id=A)
    row["claimed_by"] = story.first("child_ready", incarnation=1)["identity"]


def killed_by_nobody(story: Story) -> None:
    story.drop("fault_injected")
    story.drop("fault_ended")
    story.first("child_exited")["fault"] = None


def planned_as(**entry: Any) -> Change:
    """The scenario asks for another kill than the one that came."""
    return lambda story: story.first("run_start")["scenario"]["faults"][0].update(entry)


def accepted_again(story: Story) -> None:
    """A's enqueue stands there twice."""
    doubling("job_enqueued")(story)


def of_another_row(kind: str, job_id: str, **where: Any) -> Change:
    return setting(kind, {"job_id": job_id, **where}, inbox_id="row-nobody")


def closing_dropped(story: Story) -> None:
    story.records.remove(
        next(
            record
            for record in story.records
            if record[1].get("read") == "kill" and "job_id" not in record[1]
        )
    )


def spawned_in_another_order(story: Story) -> None:
    first, second = (fields for kind, fields in story.records if kind == "child_spawned")
    first["t_ns"], second["t_ns"] = second["t_ns"], first["t_ns"]


def invalid(plant: Callable[[], Story], says: str) -> Planted:
    return Planted(plant, "invalid", says=says)


def with_change(change: Change, says: str, base: Callable[[], Story] = crash) -> Planted:
    return invalid(lambda: changed(change, base), says)


UNSTARTED, REUSED = "never started", "number twice"
DISAGREE = "its lines disagree"

FORGED: dict[str, Planted] = {
    "a_completion_without_a_start": invalid(start_dropped("job_completed"), UNSTARTED),
    "a_failure_without_a_start": invalid(start_dropped("job_failed"), UNSTARTED),
    "an_effect_of_an_unseen_execution": invalid(effect_of(A, 0, 0, 99), UNSTARTED),
    "an_end_before_its_start": with_change(ended_before_it_started, UNSTARTED, healthy),
    "an_execution_started_twice": invalid(numbered_again("job_started"), REUSED),
    "an_execution_completed_twice": invalid(numbered_again("job_completed"), REUSED),
    "an_execution_of_two_jobs": invalid(shared_by_two_jobs, REUSED),
    "an_effect_of_another_jobs_execution": invalid(effect_of(A, 0, 0, 2), REUSED),
    "an_effect_of_an_incarnation_never_spawned": invalid(effect_of(A, 7, 9, 1), "never spawned"),
    "planned_jobs_without_a_line": with_change(
        setting("run_end", stream_jobs=5), "2 planned jobs have neither", healthy
    ),
    "held_jobs_without_a_line": with_change(
        setting("run_end", held_jobs=1), "neither a job_enqueued nor an enqueue_failed", healthy
    ),
    "nothing_came_in": Planted(nothing_came_in, "fail", says="there is nothing to judge"),
    "an_identity_of_two_workers": invalid(one_identity, "was announced by"),
    "a_fault_number_twice": with_change(doubling("fault_injected"), "several fault_injected"),
    "a_certificate_twice": with_change(doubling("fault_ended"), "several fault_ended"),
    "an_exit_twice": with_change(doubling("child_exited"), "left more than once"),
    "a_spawn_twice": with_change(doubling("child_spawned"), "spawned more than once"),
    "a_worker_never_spawned": with_change(dropping("child_spawned"), "never spawned"),
    "spawned_in_another_order": with_change(spawned_in_another_order, "in their order"),
    "a_killed_worker_without_its_kill": with_change(
        dropping("fault_injected", "fault_ended"), "no fault_injected line"
    ),
    "a_kill_without_its_exit": with_change(
        setting("child_exited", fault=None), "no child_exited line names it"
    ),
    "a_certificate_of_another_process": with_change(of_the_victim("fault_ended", pid=1), DISAGREE),
    "a_certificate_of_another_slot": with_change(of_the_victim("fault_ended", slot=5), DISAGREE),
    "a_kill_of_another_incarnation": with_change(of_the_victim("fault_injected", pid=2), DISAGREE),
    "an_exit_by_another_signal": with_change(setting("child_exited", signal=15), DISAGREE),
    "an_exit_that_was_no_kill": with_change(setting("child_exited", reason="stopped"), DISAGREE),
    "reaped_before_the_signal": with_change(witnessed(reaped_ns=1), "contradict"),
    "read_out_before_the_signal": with_change(witnessed(eof_ns=1), "contradict"),
    "gone_after_the_certificate": with_change(witnessed(sessions_gone_ns=1 << 61), "contradict"),
    "intended_after_it_was_sent": with_change(
        setting("fault_injected", intended_ns=1 << 61), "contradict"
    ),
    "rows_not_read": with_change(witnessed(rows_read_ns=None), "were not read"),
    "a_line_before_the_spawn": invalid(outside_its_life(early=True), "before it was spawned"),
    "a_line_after_the_reaping": invalid(outside_its_life(early=False), "after it was reaped"),
    "an_early_run_end": with_change(setting("run_end", t_ns=5), "later than its run_end", healthy),
    "a_final_read_of_the_living": with_change(
        read_too_early, "before every worker had left", healthy
    ),
    "an_effect_that_was_there_at_the_kill": with_change(
        effect_of_the_killed, "gone at the final read"
    ),
    "an_effect_without_its_event": invalid(
        with_two_executions_unfinished(effect=True), "an effect of it has no event"
    ),
    "an_execution_open_in_a_clean_worker": invalid(
        with_two_executions_unfinished(effect=False), "an execution is still open"
    ),
    "a_row_held_before_its_holder_lived": with_change(held_by_nobody_yet, "before that"),
    "a_worker_killed_by_nobody": with_change(killed_by_nobody, "was killed by no fault"),
    "a_kill_of_another_trigger": with_change(
        setting("fault_injected", trigger="state"), "planned as timed"
    ),
    "a_kill_wrongly_called_biased": with_change(
        setting("fault_injected", biased=True), "wrongly called biased"
    ),
    "a_kill_of_another_slot": with_change(planned_as(slot=3), "hit another slot"),
    "a_kill_at_another_instant": with_change(planned_as(at_s=40.0), "another instant"),
    "a_kill_that_nobody_planned": with_change(
        lambda story: story.first("run_start")["scenario"].update(faults=[]), "plans 0 faults"
    ),
    "a_spawn_after_another_fault": with_change(
        setting("child_spawned", {"incarnation": 1}, after_fault=None), "another fault than"
    ),
    "a_job_accepted_twice": with_change(accepted_again, "accepted twice", healthy),
    "a_job_refused_and_accepted": with_change(
        lambda story: story.records.insert(
            3,
            (
                "enqueue_failed",
                {
                    "t_ns": story.now_ns,
                    "job_id": A,
                    "outcome": "rejected",
                    "intended_ns": story.now_ns,
                    "sent_ns": story.now_ns,
                },
            ),
        ),
        "was accepted, and rejected",
        healthy,
    ),
    "an_enqueue_of_another_row": with_change(
        of_another_row("job_enqueued", A), "name several rows", healthy
    ),
    "a_start_of_another_row": with_change(of_another_row("job_started", B), "rows", healthy),
    "a_read_of_another_row": with_change(
        of_another_row("row_read", B, read="final"), "name several rows", healthy
    ),
    "one_row_of_two_jobs": with_change(
        setting("job_started", {"job_id": B}, inbox_id=f"row-{A}"), "One row of the queue", healthy
    ),
    "a_kill_read_without_its_closing_line": with_change(
        closing_dropped, "after kill 1 does not count"
    ),
    "a_child_of_another_process": with_change(
        setting("child_ready", pid=1), "several process ids", healthy
    ),
    "a_stop_by_a_signal": with_change(
        setting("child_exited", exit_code=None, signal=9), "by its wait status", healthy
    ),
    "acknowledged_before_it_was_sent": with_change(
        setting("job_enqueued", acknowledged_ns=1), "acknowledged before it was sent", healthy
    ),
    "intended_before_the_beginning": with_change(
        setting("job_enqueued", intended_ns=1), "before T = 0", healthy
    ),
    "started_before_it_was_sent": with_change(
        lambda story: story.first("job_enqueued", job_id=B).update(
            sent_ns=2_000_000_000_000, acknowledged_ns=2_000_000_000_000
        ),
        "started before they were enqueued",
        healthy,
    ),
    "a_timed_kill_that_never_came": Planted(timed_kill_planned(), "unknown", says="no note says"),
    "a_timed_kill_left_out_with_a_word": Planted(timed_kill_planned("fault_not_due"), "pass"),
}
"""By name: what is forged and what it must become."""
