"""A producer's death in the middle of a batch: where it is met, and what a history must show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.evidence.fault_spans import fault_spans, outages
from analysis.history.columns import worker_key
from analysis.history.load import load
from analysis.summary.summary import analyse
from orchestrator.load.producer_process import CommitSeeker
from orchestrator.proxy.points import RoundTrip
from tests.histories.builder import Story
from tests.histories.stories import A, B, C

Parts = dict[str, Any]
D = "j000003"


# Where it is met


def trip(
    statement: str, number: int, *, rows: int | None = None, executes: bool = True
) -> RoundTrip:
    return RoundTrip(statement, statement, executes, rows, 0, 0, number)


def sides_that_commit(*trips: tuple[str, int]) -> list[tuple[str, str]]:
    seeker, found = CommitSeeker(), []
    for number, (statement, rows) in enumerate(trips):
        if seeker.commits(trip(statement, number), "before"):
            found.append((statement, "before"))
        if seeker.commits(trip(statement, number, rows=rows), "after"):
            found.append((statement, "after"))
    return found


def test_a_statement_by_itself_is_what_commits() -> None:
    insert = "INSERT INTO job SELECT ?"
    assert sides_that_commit((insert, 3)) == [(insert, "before"), (insert, "after")]


def test_in_a_transaction_only_its_end_commits() -> None:
    whole = [("BEGIN", 0), ("INSERT INTO job SELECT ?", 3), ("SELECT pg_notify(?, ?)", 1)]
    assert sides_that_commit(*whole, ("COMMIT", 4)) == [("COMMIT", "before"), ("COMMIT", "after")]
    assert sides_that_commit(*whole, ("ROLLBACK", 4)) == []


def test_a_rollback_to_a_savepoint_leaves_the_transaction_open() -> None:
    whole = [
        ("BEGIN", 0),
        ("SAVEPOINT s", 0),
        ("ROLLBACK TO s", 0),
        ("INSERT INTO job SELECT ?", 1),
    ]
    assert sides_that_commit(*whole) == []


def test_what_brought_no_row_has_taken_no_job() -> None:
    assert sides_that_commit(("SET search_path = ?", 0)) == [("SET search_path = ?", "before")]


def test_what_executes_nothing_commits_nothing() -> None:
    seeker = CommitSeeker()
    prepared = trip("INSERT INTO job SELECT ?", 0, executes=False)
    assert not seeker.commits(prepared, "before")
    assert not seeker.commits(prepared, "after")


# Told by a history


def story(
    side: str = "after",
    *,
    taken: tuple[str, ...] = (B, C),
    again: tuple[str, ...] = (),
    dropped: tuple[str, ...] = (),
) -> Story:
    """A producer is killed with B and C in its hands; A came before it, D after. Those `again` are
    done a second time before there is another producer; those `dropped` were seen in the queue, and
    by nobody ever after."""
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    worker.run(A)
    handed_ns = story.now_ns
    story.wait(0.01)
    frozen_ns = story.now_ns
    story.wait(0.01)
    target = {"kind": "producer", "number": 0, "pid": 99}
    common = {"fault": 0, "what": "kill_during_enqueue", "target": target}
    before = {
        "jobs": [B, C],
        "handed_ns": handed_ns,
        "frozen_ns": frozen_ns,
        "statement": "COMMIT",
        "side": side,
        "queued": [*taken, *dropped] if side == "after" else [],
        "sessions": [{"pid": 7, "backend_start": "then"}],
    }
    sent = story.record(
        "fault_injected",
        **common,
        ends_process=False,
        trigger="timed",
        biased=False,
        intended_ns=story.now_ns,
        parts=before,
    )
    story.wait(0.01)
    for job in (B, C):
        story.planned.add(job)
        story.record(
            "enqueue_failed",
            job_id=job,
            outcome="indeterminate",
            intended_ns=handed_ns,
            sent_ns=handed_ns,
            error="it has ended",
        )
    for job in taken:
        worker.run(job)
    for job in again:
        worker.run(job)
    story.wait(0.5)
    resumed_ns = story.now_ns
    story.wait(0.01)
    story.enqueue(D)
    worker.run(D)
    after = {
        "reaped_ns": sent["t_ns"] + 1000,
        "signal": 9,
        "passed_bytes": 0,
        "sessions_gone_ns": sent["t_ns"] + 2000,
        "resumed_ns": resumed_ns,
    }
    story.record("fault_ended", **common, parts=after, healed_ns=resumed_ns)
    story.exit(worker)
    for job in (*taken, *dropped):
        story.recover(job)
    story.end({job: "none" for job in (B, C) if job not in (*taken, *dropped)})
    start = story.first("run_start")
    at_s = (sent["intended_ns"] - story.first("run_end")["started_ns"]) / 1e9
    start["scenario"]["faults"] = [
        {"what": "kill_during_enqueue", "at_s": at_s, "side": side, "batch": 2}
    ]
    start["scenario"]["expectations"]["never_seen"] = None
    return story


def told(summary: Any) -> str:
    (text,) = [text for text in summary.findings if text.startswith("Kill during enqueue 1: ")]
    return str(text)


def test_what_the_server_had_taken_is_in_the_queue_though_nobody_was_told(tmp_path: Path) -> None:
    summary = analyse(story().write(tmp_path))
    assert summary.verdict == "pass", summary.reasons
    assert (summary.jobs.enqueued, summary.jobs.completed_once) == (4, 4)
    assert (summary.jobs.recovered, summary.jobs.not_enqueued) == (2, 0)
    assert "taken its batch, and before it was told so; of its 2 jobs the queue has 2" in told(
        summary
    )
    assert told(summary).endswith("another producer was there 0.5 s later.")


def test_what_the_server_was_never_given_is_in_no_queue(tmp_path: Path) -> None:
    summary = analyse(story("before", taken=()).write(tmp_path))
    assert summary.verdict == "pass", summary.reasons
    assert (summary.jobs.recovered, summary.jobs.not_enqueued, summary.jobs.lost) == (0, 2, 0)
    assert "before the server was given its batch; of its 2 jobs the queue has 0" in told(summary)


def test_a_queue_that_has_what_no_server_was_given_voids_the_run(tmp_path: Path) -> None:
    summary = analyse(story("before", taken=(B,)).write(tmp_path))
    assert summary.verdict == "invalid"
    assert f"put job {B} into the queue is said not to have reached the server" in " ".join(
        summary.reasons
    )


def test_a_queue_that_was_seen_to_have_what_no_server_was_given_voids_the_run(
    tmp_path: Path,
) -> None:
    changed = story("before", taken=())
    changed.first("fault_injected")["parts"]["queued"] = [B]
    summary = analyse(changed.write(tmp_path))
    assert summary.verdict == "invalid"
    assert f"put job {B} into the queue is said not to have reached the server" in " ".join(
        summary.reasons
    )


def test_a_job_that_the_queue_had_and_nobody_saw_again_is_lost(tmp_path: Path) -> None:
    summary = analyse(story(taken=(), dropped=(B, C)).write(tmp_path))
    assert summary.verdict == "fail", summary.reasons
    assert (summary.jobs.enqueued, summary.jobs.lost, summary.jobs.not_enqueued) == (4, 2, 0)


def test_a_batch_that_was_put_in_and_never_seen_there_voids_the_run(tmp_path: Path) -> None:
    summary = analyse(story(taken=()).write(tmp_path))
    assert summary.verdict == "invalid"
    assert "nobody ever saw any job of it there" in " ".join(summary.reasons)


def test_a_job_that_the_queue_had_and_that_is_not_in_the_ledger_voids_the_run(
    tmp_path: Path,
) -> None:
    changed = story(taken=(B,))
    changed.first("fault_injected")["parts"]["queued"] = [B, C]
    summary = analyse(changed.write(tmp_path))
    assert summary.verdict == "invalid"
    assert "seen to have jobs of which no line says that it took them" in " ".join(summary.reasons)


def test_a_dead_producer_is_no_cause_of_what_a_worker_does_twice(tmp_path: Path) -> None:
    by = analyse(story(again=(B,)).write(tmp_path)).crash.duplicates_live_by
    assert (by.outage, by.rescue) == (0, 1)


def test_a_batch_that_was_answered_after_all_voids_the_run(tmp_path: Path) -> None:
    changed = story()
    changed.drop("enqueue_failed", job_id=C)
    summary = analyse(changed.write(tmp_path))
    assert summary.verdict == "invalid"
    assert f"said not to have answered job {C}" in " ".join(summary.reasons)


def test_a_job_that_was_sent_after_the_producer_was_frozen_voids_the_run(tmp_path: Path) -> None:
    changed = story()
    late_ns = changed.first("enqueue_failed", job_id=C)["t_ns"] - 1
    changed.first("enqueue_failed", job_id=C)["sent_ns"] = late_ns
    summary = analyse(changed.write(tmp_path))
    assert summary.verdict == "invalid"
    assert f"Job {C} is said to have been in the hands of the producer" in " ".join(summary.reasons)


def test_a_batch_that_two_dead_producers_are_said_to_have_had_voids_the_run(
    tmp_path: Path,
) -> None:
    changed = story()
    for kind in ("fault_injected", "fault_ended"):
        place, line = next(one for one in enumerate(changed.records) if one[1][0] == kind)
        target = {"kind": "producer", "number": 1, "pid": 98}
        other = {**line[1], "fault": 1, "target": target}
        changed.records.insert(place + 1, (kind, other))
    entries = changed.first("run_start")["scenario"]["faults"]
    entries.append(entries[0])
    summary = analyse(changed.write(tmp_path))
    assert summary.verdict == "invalid"
    assert f"Job {B} is said to have been in the hands of both that faults 1 and 2 killed" in (
        " ".join(summary.reasons)
    )


def test_a_producer_that_is_said_to_have_died_twice_voids_the_run(tmp_path: Path) -> None:
    changed = story()
    for kind in ("fault_injected", "fault_ended"):
        changed.records.append((kind, {**changed.first(kind), "fault": 1}))
    entries = changed.first("run_start")["scenario"]["faults"]
    entries.append(entries[0])
    changed.records.sort(key=lambda one: one[0] == "run_end")
    summary = analyse(changed.write(tmp_path))
    assert summary.verdict == "invalid"
    assert "Faults 1 and 2 are said to have killed one and the same producer" in " ".join(
        summary.reasons
    )


@pytest.mark.parametrize(("key", "value"), [("side", "before"), ("batch", 3)])
def test_a_producer_that_was_met_elsewhere_than_planned_voids_the_run(
    tmp_path: Path, key: str, value: object
) -> None:
    changed = story()
    changed.first("run_start")["scenario"]["faults"][0][key] = value
    summary = analyse(changed.write(tmp_path))
    assert summary.verdict == "invalid"
    assert "met its producer at another place than was planned" in " ".join(summary.reasons)


def test_a_producers_death_holds_up_no_worker(tmp_path: Path) -> None:
    history = load(story().write(tmp_path))
    (span,) = spans = fault_spans(history)
    assert span.healed_ns is not None, "it lasted until another producer was there"
    assert span.healed_ns > span.began_ns
    assert not span.hits(worker_key(0, 0))
    assert outages(spans) == ()


WITHOUT: list[tuple[str, Callable[[Parts, Parts], object], str]] = [
    ("no batch", lambda before, _: before.update(jobs=[]), "no batch was under way"),
    (
        "frozen before the batch",
        lambda before, _: before.update(frozen_ns=before["handed_ns"] - 1),
        "it was not frozen between being handed the batch and the kill",
    ),
    ("no session", lambda before, _: before.update(sessions=[]), "no session of the producer"),
    (
        "a way round the proxy",
        lambda before, _: before.update(outside=[8]),
        "a session of a producer did not go through its proxy",
    ),
    ("not reaped", lambda _, after: after.pop("reaped_ns"), "the producer was not reaped"),
    ("another end", lambda _, after: after.update(signal=15), "the wait status is not SIGKILL"),
    ("survivors", lambda _, after: after.update(survivors=[98]), "members of its process group"),
    ("no proxy", lambda _, after: after.pop("passed_bytes"), "what its frozen connections let"),
    ("passed", lambda _, after: after.update(passed_bytes=1), "bytes passed after its connections"),
    (
        "not understood",
        lambda _, after: after.update(unexplained_bytes=1),
        "bytes passed that the proxy did not understand",
    ),
    ("sessions", lambda _, after: after.pop("sessions_gone_ns"), "were not seen to go"),
    (
        "sessions left",
        lambda _, after: after.update(sessions_left=[{"pid": 7, "backend_start": "then"}]),
        "sessions of the producer are left",
    ),
]


@pytest.mark.parametrize(("what", "change", "reason"), WITHOUT, ids=[what for what, *_ in WITHOUT])
def test_a_producers_death_without_a_part_of_its_certificate_voids_the_run(
    tmp_path: Path, what: str, change: Callable[[Parts, Parts], object], reason: str
) -> None:
    changed = story()
    change(changed.first("fault_injected")["parts"], changed.first("fault_ended")["parts"])
    summary = analyse(changed.write(tmp_path))
    assert summary.verdict == "invalid"
    assert reason in " ".join(summary.reasons)
