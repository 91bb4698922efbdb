"""Judges what the workers of a run have written, and whether the books balance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from orchestrator.commands.conformance.finding import Check, NotCheckedError, TrialName
from orchestrator.commands.conformance.run_facts import Fields, RunFacts, Worker, worker_of

ALL_RUNS: tuple[TrialName, ...] = ("held", "crowded", "failing")
_EXCERPT_CHARACTERS = 80
_ENDS = ("job_completed", "job_failed")


def came_to_its_end(run: RunFacts) -> Iterator[str]:
    """Nothing broke it off, and nobody died in it unasked."""
    if run.complaint is not None:
        yield run.complaint.splitlines()[0]
    for left in run.of("child_exited"):
        if left["reason"] == "died":
            yield f"{worker_of(left)} died unasked: {last_words(left.get('stderr_tail', ''))}"


def lines_whole(run: RunFacts) -> Iterator[str]:
    """Every line is an event, and its instant is no later than its receipt."""
    _need_workers(run)
    for code in ("bad_line", "clock_violation"):
        for note in run.notes(code):
            yield f"{worker_of(note['detail'])}: {note['message'][:_EXCERPT_CHARACTERS]}"


def lines_complete(run: RunFacts) -> Iterator[str]:
    """n counts from 0 without a gap, and t_ns does not go back."""
    _need_workers(run)
    for worker, lines in run.by_worker.items():
        ordinals = [fields["n"] for _, fields in lines]
        if ordinals != list(range(len(lines))):
            missing = sorted(set(range(ordinals[-1] + 1)) - set(ordinals))
            yield f"{worker} has not written the line n = {missing[0] if missing else 'once'}"
        instants = [fields["t_ns"] for _, fields in lines]
        if instants != sorted(instants):
            yield f"{worker}'s t_ns goes back while n goes on"


def executions_numbered(run: RunFacts) -> Iterator[str]:
    """From 1, one by one, none of them twice."""
    _need_workers(run)
    for worker in run.by_worker:
        numbers = [fields["execution"] for fields in _events(run, worker, "job_started")]
        if twice := [number for number, times in Counter(numbers).items() if times > 1]:
            yield f"{worker} used the execution number {twice[0]} more than once"
        elif sorted(numbers) != list(range(1, len(numbers) + 1)):
            yield f"{worker} numbered its executions {sorted(numbers)[:5]}…, not from 1 on"


def executions_ended(run: RunFacts) -> Iterator[str]:
    """One end each, after the start and of the same job; open are those alone that were killed."""
    _need_workers(run)
    for worker in run.by_worker:
        started = {fields["execution"]: fields for fields in _events(run, worker, "job_started")}
        ended: Counter[int] = Counter()
        for fields in _events(run, worker, *_ENDS):
            start = started.get(fields["execution"])
            if start is None or start["job_id"] != fields["job_id"] or start["n"] > fields["n"]:
                yield f"{worker} ended {fields['job_id']}, which it had not started like that"
            ended[fields["execution"]] += 1
        open_ = [f["job_id"] for number, f in started.items() if not ended[number]]
        if open_ and worker not in run.killed:
            yield f"{worker} started {open_[0]}, and never said that it completed or failed"
        if any(times > 1 for times in ended.values()):
            yield f"{worker} ended an execution more than once"


def effects_witnessed(run: RunFacts) -> Iterator[str]:
    """Each effect in the database has its start and, unless its worker was killed, its end."""
    run.need_end()
    by_events = {
        kind: {(worker_of(f), f["execution"], f["job_id"]) for f in run.of(kind)}
        for kind in ("job_started", "job_completed")
    }
    effects = {
        (Worker(slot, incarnation), execution, row["job_id"])
        for row in run.final_rows
        for slot, incarnation, execution in row.get("effects", ())
    }
    for worker, execution, job_id in sorted(effects - by_events["job_started"]):
        yield f"{job_id} had its effect in execution {execution} of {worker}, which never began"
    for worker, execution, job_id in sorted(effects - by_events["job_completed"]):
        if worker not in run.killed:
            yield f"{job_id} had its effect, and execution {execution} of {worker} never completed"
    for worker, execution, job_id in sorted(by_events["job_completed"] - effects):
        yield f"{worker} says that it completed {job_id} ({execution}), which has had no effect"


def books_balanced(run: RunFacts) -> Iterator[str]:
    """One verdict a job, none of them lost, unknown or not to be decided."""
    run.need_end()
    if run.summary is None:
        raise NotCheckedError("there is nothing to judge")
    if run.summary.verdict == "invalid":
        yield "the run is invalid: " + run.summary.reasons[0]
        return
    verdicts = Counter(job["verdict"] for job in run.jobs)
    enqueued = run.summary.jobs.enqueued
    if sum(verdicts.values()) - verdicts["unexpected"] != enqueued:
        yield f"{enqueued} jobs were enqueued, and there are {sum(verdicts.values())} verdicts"
    for verdict in ("lost", "ambiguous", "unexpected"):
        if found := [job["job_id"] for job in run.jobs if job["verdict"] == verdict]:
            yield f"{len(found)} jobs are {verdict}, the first is {found[0]}"


def last_words(stderr: str) -> str:
    """The last line that says something: an exception group ends in a frame of dashes."""
    lines = [line.strip(" |+-") for line in stderr.splitlines()]
    return next((line for line in reversed(lines) if line), "it said nothing")


def _events(run: RunFacts, worker: Worker, *kinds: str) -> list[Fields]:
    return [fields for kind, fields in run.by_worker.get(worker, []) if kind in kinds]


def _need_workers(run: RunFacts) -> None:
    if not run.by_worker and not run.notes("bad_line"):
        raise NotCheckedError("no worker has written anything")


EVENTS: tuple[Check[RunFacts], ...] = (
    Check("runs end", "lets every run come to its end", (*ALL_RUNS, "repeated"), came_to_its_end),
    Check("whole lines", "writes nothing but whole events", ALL_RUNS, lines_whole),
    Check("every event", "leaves no event out, and keeps their order", ALL_RUNS, lines_complete),
    Check("execution numbers", "numbers executions once", ALL_RUNS, executions_numbered),
    Check("execution ends", "ends what it starts, once", ALL_RUNS, executions_ended),
    Check("effects", "completes what has had its effect", ALL_RUNS, effects_witnessed),
    Check("books", "loses no job, and leaves none undecided", ALL_RUNS, books_balanced),
)
