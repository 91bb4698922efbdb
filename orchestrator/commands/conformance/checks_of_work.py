"""Judges the trials ``crowded`` and ``failing``: concurrency, the stop, rows left, and errors."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from orchestrator.commands.conformance.checks_of_events import lines_complete
from orchestrator.commands.conformance.finding import (
    Check,
    LibrarysOwn,
    NotCheckedError,
    TrialName,
)
from orchestrator.commands.conformance.run_facts import Fields, RunFacts, Worker, worker_of
from orchestrator.scenario.workload import Workload

_CROWDED: tuple[TrialName, ...] = ("crowded",)
_FAILING: tuple[TrialName, ...] = ("failing",)


def concurrency_kept(run: RunFacts) -> Iterator[str]:
    """At no time more open executions than allowed."""
    if any(lines_complete(run)):
        raise NotCheckedError("an event is missing: nobody knows what was open")
    allowed = run.scenario.workers.concurrency
    for worker, most in _most_open(run).items():
        if most > allowed:
            yield f"{worker} had {most} executions open at once, {allowed} are allowed"


def concurrency_reached(run: RunFacts) -> Iterator[str]:
    """With more jobs waiting than there are places, every place is taken."""
    run.need_end()
    allowed = run.scenario.workers.concurrency
    for worker, most in _most_open(run).items():
        if most < allowed:
            yield f"{worker} never had more than {most} executions open, {allowed} are allowed"


def stop_drains(run: RunFacts) -> Iterator[str]:
    """Asked to stop, it finishes what it holds, claims nothing more, and leaves with 0."""
    stop_ns = run.phase_ns("stop")
    places = run.scenario.workers.concurrency
    for note in run.notes("stop_ignored"):
        yield note["message"]
    begun: Counter[Worker] = Counter(
        worker_of(started) for started in run.of("job_started") if started["t_ns"] > stop_ns
    )
    for worker, jobs in sorted(begun.items()):
        # What it had in hand it may still begin with.
        if jobs > places:
            yield LibrarysOwn(f"{worker} was asked to stop, and began with {jobs} more jobs")
    for left in run.of("child_exited"):
        if left["reason"] == "died" and left["t_ns"] > stop_ns:
            yield f"{worker_of(left)} was asked to stop, and left with {left.get('exit_code')}"
    run.need_end()
    if held := [row["job_id"] for row in run.final_rows if row.get("state") == "claimed"]:
        yield LibrarysOwn(
            f"the library forgot what it had claimed: {len(held)} rows are still claimed after a "
            f"stop in good order, the first is of {held[0]}"
        )


def rows_left(run: RunFacts) -> Iterator[str]:
    """At the end each row is as the events say: untouched, or done."""
    run.need_end()
    completed = {fields["job_id"] for fields in run.of("job_completed")}
    started = {fields["job_id"] for fields in run.of("job_started")}
    enqueued = {fields["job_id"]: fields.get("inbox_id") for fields in run.of("job_enqueued")}
    rows: defaultdict[str, list[Fields]] = defaultdict(list)
    for row in run.final_rows:
        rows[row["job_id"]].append(row)
    for job_id, inbox_id in enqueued.items():
        states = {row["state"] for row in rows[job_id]} or {"absent"}
        if job_id in completed and not states <= {"done", "absent"}:
            yield f"{job_id} was completed, and rows() says {' and '.join(sorted(states))}"
        if job_id not in started and states != {"queued"}:
            yield f"{job_id} was never started, and rows() says {' and '.join(sorted(states))}"
        ids = {row["inbox_id"] for row in rows[job_id] if row.get("inbox_id")}
        if ids - {inbox_id}:
            yield f"{job_id} was enqueued as {inbox_id}, and rows() shows {sorted(ids)}"


def attempts_planned(run: RunFacts) -> Iterator[str]:
    """A job is run until it succeeds, as often as attempts are allowed, and no more."""
    run.need_end()
    limit = run.scenario.workers.max_attempts
    starts = Counter(fields["job_id"] for fields in run.of("job_started"))
    completed = {fields["job_id"] for fields in run.of("job_completed")}
    for job_id, fail in planned_failures(run).items():
        if "permanent" in fail:
            continue
        wanted = min(len(fail) + 1, limit)
        if starts[job_id] != wanted:
            yield f"{job_id} was executed {starts[job_id]} times, {wanted} are planned"
        elif (job_id in completed) != (len(fail) < limit):
            yield f"{job_id} fails {len(fail)} times of {limit} attempts, yet " + (
                "completed" if job_id in completed else "never completed"
            )


def wrong_error_classes(run: RunFacts) -> Iterator[str]:
    """Each failure bears the class that the plan gives it, and no other failure occurs."""
    run.need_end()
    planned = planned_failures(run)
    failures: defaultdict[str, list[str]] = defaultdict(list)
    for failed in sorted(run.of("job_failed"), key=lambda fields: int(fields["t_ns"])):
        failures[failed["job_id"]].append(failed["error_class"])
    for job_id, classes in sorted(failures.items()):
        if classes != list(planned[job_id][: len(classes)]):
            yield f"{job_id} failed as {classes}, planned was {list(planned[job_id])}"


def permanent_ended(run: RunFacts) -> Iterator[str]:
    """No further attempt could help, so none is made."""
    run.need_end()
    starts = Counter(fields["job_id"] for fields in run.of("job_started"))
    for job_id, fail in planned_failures(run).items():
        if fail == ("permanent",) and starts[job_id] != 1:
            yield f"{job_id} failed for good, and was executed {starts[job_id]} times"


def missing_decisions(run: RunFacts) -> Iterator[str]:
    """After each failure somebody says what the library made of it."""
    run.need_end()
    failed, retried, discarded = (
        Counter(fields["job_id"] for fields in run.of(kind))
        for kind in ("job_failed", "job_retried", "job_discarded")
    )
    starts = Counter(fields["job_id"] for fields in run.of("job_started"))
    completed = {fields["job_id"] for fields in run.of("job_completed")}
    for job_id, times in sorted(failed.items()):
        ends = int(job_id not in completed)
        if retried[job_id] != starts[job_id] - 1:
            times = starts[job_id] - 1
            yield f"{job_id} was retried {times} times, its events say {retried[job_id]}"
        if discarded[job_id] != ends:
            gave_up = "was given up" if ends else "completed"
            yield f"{job_id} failed {times} times and {gave_up}; discards: {discarded[job_id]}"


def planned_failures(run: RunFacts) -> dict[str, tuple[str, ...]]:
    """By a job's id: the classes that the plan lets its executions fail with, in turn."""
    return {job.plan.job_id: job.plan.fail for job in Workload(run.scenario).jobs()}


def _most_open(run: RunFacts) -> dict[Worker, int]:
    """By worker: the most executions that were open at once."""
    most: dict[Worker, int] = {}
    for worker, lines in run.by_worker.items():
        open_: set[int] = set()
        most[worker] = 0
        for kind, fields in lines:
            if kind == "job_started":
                open_.add(fields["n"])
                most[worker] = max(most[worker], len(open_))
            elif kind in ("job_completed", "job_failed"):
                open_.discard(_start_of(lines, fields))
    return most


def _start_of(lines: list[tuple[str, Fields]], end: Fields) -> int:
    """The n of the start that an end belongs to; -1 = it has none."""
    for kind, fields in reversed(lines):
        if (
            kind == "job_started"
            and fields["n"] < end["n"]
            and fields["execution"] == end["execution"]
            and fields["job_id"] == end["job_id"]
        ):
            return int(fields["n"])
    return -1


WORK: tuple[Check[RunFacts], ...] = (
    Check("concurrency kept", "never opens more than allowed", _CROWDED, concurrency_kept),
    Check("concurrency reached", "takes every place there is", _CROWDED, concurrency_reached),
    Check("stop", "drains and leaves when it is asked to", _CROWDED, stop_drains),
    Check("rows left", "shows each row as the events have it", _CROWDED, rows_left),
    Check("attempts", "runs a failing job as often as allowed", _FAILING, attempts_planned),
    Check("error classes", "fails jobs as planned, and no others", _FAILING, wrong_error_classes),
    Check("permanent errors", "does not retry what cannot help", _FAILING, permanent_ended),
    Check("decisions", "tells of every retry and discard", _FAILING, missing_decisions),
)
