"""Crash points: what a kill or a stall at one round trip did, and the table of all of them.

A point's verdict is that of its worst job, read from the summary of its run alone. The table,
``crash-points-<library>-<preset>.json``, is written by `crashbench crash-points`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from analysis.errors import CrashPointsError
from analysis.ledger.tally import NotableJob
from analysis.section import Section
from analysis.summary.types import Summary
from orchestrator.scenario.triggered import PointPhase, PointSide

PointVerdict = Literal[
    "invalid",
    "not_reached",
    "lost",
    "stuck",
    "stranded",
    "given_up",
    "unknown",
    "duplicated",
    "late",
    "re-executed",
    "uncontested",
    "clean",
]
WORST_FIRST: tuple[PointVerdict, ...] = (
    "invalid",
    "not_reached",
    "lost",
    "stuck",
    "stranded",
    "given_up",
    "unknown",
    "duplicated",
    "late",
    "re-executed",
    "uncontested",
    "clean",
)
"""The worst job names the point; ``uncontested`` is a stall's alone. What may yet turn out to be
worse stands above what is known to be better."""

Action = Literal["kill", "stall", "race"]
ACTIONS: tuple[Action, ...] = ("kill", "stall", "race")
TriedSide = PointSide | Literal["body"]
SIDES: tuple[TriedSide, ...] = ("before", "after", "delayed", "body")
FILE_VERSION: Literal[1] = 1

SCHEMA = Path(__file__).with_name("crash_points.schema.json")
TABLES = "crash-points-*.json"
SCHEMA_TITLE = "Crash points: crash-points-<library>-<preset>.json"

_FAILS = frozenset({"lost", "stuck", "stranded", "given_up"})
_OPEN = frozenset({"not_reached", "unknown"})


class PointRun(Section, frozen=True, kw_only=True):
    """One run of a point: what became of its jobs."""

    run_id: str
    """Its history lies beside the table, in the folder that the table names."""
    verdict: PointVerdict
    """Of its worst job; ``clean`` = each was completed once and nothing was executed again;
    ``uncontested`` = that, but nobody took a stalled worker's job, so that nothing is shown."""
    jobs: tuple[str, ...] = ()
    """The jobs that name it."""
    concurrent: bool = False
    """A duplicated job was executed twice at the same time."""
    still_owed: bool = False
    """A job was completed once, and its row is still held or waiting: nobody will take it out."""
    recovery_s: float | None = None
    """From the kill until the first job that the victim held was started again, seconds; left out
    after a stall, whose worker comes back by itself."""
    bound_s: float | None = None
    """At most so long, by the preset's own settings, seconds; left out where it never rescues, and
    after a stall."""
    stalled_s: float | None = None
    """How long the worker's connections stood still, seconds; left out after a kill."""
    late_rows: int | None = None
    """How many rows the delayed request returned or changed when it came; left out where none was
    delayed, where the server refused it, and where its command counts none."""
    late_refused: str | None = None
    """The server's error to the delayed request, SQLSTATE first."""
    why: tuple[str, ...] = ()
    """Sentences: why it is invalid, not reached or unknown."""


class PointOutcome(Section, frozen=True, kw_only=True):
    """One point, side and action, and every run of it."""

    id: str
    """Of the point: what ``--only`` takes."""
    workload: str
    """``single`` = one job after another; ``batch`` = three at once, before the worker starts."""
    statement: str
    """The SQL, literals replaced by ?."""
    phase: PointPhase | None
    """Where the jobs stood, of several at once in the first run without harm; null = folded: an
    idle worker says it, too."""
    wave: int | None
    """Which wave of jobs was the last to go out, from 0; null = folded, or the worker starts."""
    ordinal: int
    """Which of those that are equal in all of this, from 1, of several jobs at once in whatever
    phase; of what an idle worker says too, among those with rows."""
    side: TriedSide
    """``before`` = nothing of the request has reached the server; ``after`` = it was executed, and
    nothing of the answer has reached the worker: ever after a kill, until it flows again after a
    stall; ``delayed`` = as before, and the request reached the server once the next process was
    ready and others had the jobs; ``body`` = it is no round trip: the job was held at this place of
    its body."""
    action: Action
    """What was done there: the worker was killed; or its connections stood still while another
    worker was there, and flowed again; or, of a race, that other one was held there until the first
    one's completion had been answered."""
    verdict: PointVerdict
    """Of its runs; where they disagree the worst, and `nondeterministic` is set."""
    runs: tuple[PointRun, ...]
    """Each repetition."""
    sql: str
    """As it was first sent."""
    folded: int = 0
    """How many further round trips of a run without harm are counted as this one."""
    nondeterministic: bool = False
    """Its runs disagree."""


class ListedPoint(Section, frozen=True, kw_only=True):
    """A round trip that was not tried."""

    workload: str
    """As of a tried one."""
    statement: str
    """As of a tried one."""
    phase: PointPhase | None
    """As of a tried one."""
    wave: int | None
    """As of a tried one."""
    ordinal: int
    """As of a tried one."""
    folded: int = 0
    """As of a tried one."""


class CrashPoints(Section, frozen=True, kw_only=True):
    """The whole enumeration of one library under one preset."""

    crash_points_version: Literal[1]
    """Counts the changes of this file's form."""
    library: str
    """The queue under test."""
    library_version: str
    """The version that was really loaded."""
    preset: str
    """The group of the library's own settings."""
    folder: str
    """Where the histories are, seen from the table."""
    command: str
    """What carries it out again."""
    repetitions: int
    """How often each point was run."""
    lanes: int
    """How many runs went on side by side."""
    took_s: float
    """How long the runs took that were carried out by the last call, seconds."""
    runs: int
    """How many runs that were, those without harm included."""
    kept: int = 0
    """How many further runs were taken as an earlier call had left them."""
    complete: bool
    """Every steady point was tried on every side; else single ones were asked for, or it was
    interrupted."""
    points: tuple[PointOutcome, ...]
    """What was tried, in the order of the round trips."""
    not_tried: dict[Action, str] = msgspec.field(default_factory=dict)
    """Why an action was tried at no point."""
    unsteady: tuple[ListedPoint, ...] = ()
    """Not in all runs without harm: not tried."""
    nothing_executed: tuple[ListedPoint, ...] = ()
    """They execute nothing (Parse, Describe): not tried."""
    before_unknown: tuple[ListedPoint, ...] = ()
    """Not tried before them: which of several equal requests would find rows was not the same in
    every run without harm, and before the server nobody can say; nor after them where they begin a
    transaction."""

    def as_json(self) -> bytes:
        """The file's content, indented, a line end behind the last line."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def judge_point(summary: Summary) -> PointRun:
    """What one run says of its point."""
    kill = next(iter(summary.recovery), None)
    verdict, jobs = _worst(summary)
    stall = next(iter(summary.stalls), None)
    late = None if kill is None else kill.certificate.late_request
    return PointRun(
        run_id=summary.run_id,
        verdict=verdict,
        jobs=tuple(jobs),
        concurrent=summary.jobs.duplicated_by_kind.concurrent > 0,
        still_owed=summary.jobs.flags.get("still_owed", 0) > 0,
        recovery_s=None if kill is None else kill.first_orphan_pickup_s,
        bound_s=None if kill is None else kill.predicted_bound_s,
        stalled_s=None if stall is None else stall.stalled_s,
        late_rows=None if late is None else late.rows,
        late_refused=None if late is None else late.refused,
        why=tuple(_why(summary, verdict)),
    )


def _worst(summary: Summary) -> tuple[PointVerdict, list[str]]:
    if summary.verdict == "invalid" or summary.run.ended != "completed":
        return "invalid", []
    at_ns = _harmed_ns(summary)
    if at_ns is None:
        return "not_reached", []
    by_verdict: dict[PointVerdict, list[str]] = {}
    for job in summary.notable_jobs:
        by_verdict.setdefault(_job_verdict(job, at_ns), []).append(job.job_id)
    # One that died meanwhile never came back: nothing is shown of that. Of a race it is the right
    # end that nobody takes the job.
    if any(not (stall.lived and (stall.contested or stall.rescuer)) for stall in summary.stalls):
        by_verdict.setdefault("uncontested", [])
    for verdict in WORST_FIRST:
        if verdict in by_verdict:
            return verdict, ([] if verdict == "clean" else by_verdict[verdict])
    return "clean", []


def _harmed_ns(summary: Summary) -> int | None:
    """When the worker was killed or stalled; None = it never came to that."""
    if summary.recovery:
        return summary.recovery[0].kill_sent_ns
    for stall in summary.stalls:
        if stall.rescuer is None or stall.rescuer.held_s is not None:
            return stall.stalled_ns
    return None


def _job_verdict(job: NotableJob, harmed_ns: int) -> PointVerdict:
    match job.verdict:
        case "lost":
            return "lost"
        case "pending" | "stranded" if _is_fresh(job, harmed_ns):
            return "stuck"
        case "stranded":
            return "stranded"
        case "discarded":
            by_itself = {"by_crash_alone", "unexplained"} & set(job.flags)
            return "given_up" if by_itself else "unknown"
        case "ambiguous" | "pending":
            return "unknown"
        case "duplicated":
            return "duplicated"
        case "completed_once":
            # One that fails by plan waits for its retry as well, whoever had it.
            failed = any(line.kind == "job_failed" for line in job.evidence)
            if "late" in job.flags and not failed:
                return "late"
            return "re-executed" if "redelivered" in job.flags else "clean"


def _is_fresh(job: NotableJob, harmed_ns: int) -> bool:
    """Whether it was enqueued after the harm: once what that left behind had settled."""
    enqueued = [line.t_ns for line in job.evidence if line.kind == "job_enqueued"]
    return any(t_ns is not None and t_ns > harmed_ns for t_ns in enqueued)


def _why(summary: Summary, verdict: PointVerdict) -> Iterator[str]:
    if verdict == "invalid":
        yield from summary.reasons or ["The run did not come to its end."]
    elif verdict == "not_reached":
        who = "rescuer" if summary.stalls else "worker"
        yield f"The {who} never came to this round trip."
    elif verdict == "unknown":
        for name, count in summary.jobs.pending_by_reason.items():
            if count:
                yield f"{count} pending: {name.replace('_', ' ')}."
        for name, count in summary.jobs.ambiguous_by_reason.items():
            if count:
                yield f"{count} ambiguous: {name.replace('_', ' ')}."


class Pace(NamedTuple):
    """How long a whole enumeration took, measured by what it had to wait for."""

    longest_s: float
    """The longest single recovery wait: of a kill until the first job that its victim held was
    started again, of a stall all of it; seconds."""
    ratio: float
    """What it took, over that wait x runs / lanes."""


def pace_of(table: CrashPoints) -> Pace | None:
    """None = nothing was waited for, or the last call did not carry out all of it."""
    waits_s = [
        wait_s
        for point in table.points
        for run in point.runs
        for wait_s in (run.recovery_s, run.stalled_s)
        if wait_s is not None
    ]
    longest_s = max(waits_s, default=0.0)
    if not table.complete or table.kept or not table.runs or longest_s <= 0:
        return None
    return Pace(longest_s, table.took_s / (longest_s * table.runs / table.lanes))


def read_table(path: Path) -> CrashPoints:
    """A table that was written before. Raises OSError, and CrashPointsError where it is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=CrashPoints)
    except msgspec.DecodeError as error:
        raise CrashPointsError(path, error) from error


def tried(points: Collection[PointOutcome]) -> list[tuple[Action, TriedSide]]:
    """What was done, and on which side, at some point."""
    found = {(point.action, point.side) for point in points}
    return [(action, side) for action in ACTIONS for side in SIDES if (action, side) in found]


def worst_verdicts(verdicts: Collection[PointVerdict]) -> list[PointVerdict]:
    """These verdicts, the worst first."""
    return [verdict for verdict in WORST_FIRST if verdict in verdicts]


def worst_of(runs: Sequence[PointRun]) -> PointVerdict:
    """The worst verdict of some runs of one point."""
    found = {run.verdict for run in runs}
    return next(verdict for verdict in WORST_FIRST if verdict in found)


def exit_code_of(outcomes: Sequence[PointOutcome], fail_on: frozenset[str] = frozenset()) -> int:
    """1 where a point lost, stranded, gave up or stuck a job, or shows what `fail_on` names; else 3
    where one is invalid, 4 where one was not reached, is unknown or nondeterministic, or where
    nothing was tried."""
    verdicts = {outcome.verdict for outcome in outcomes}
    if verdicts & (_FAILS | fail_on):
        return 1
    if "invalid" in verdicts:
        return 3
    open_ = any(outcome.nondeterministic for outcome in outcomes) or bool(verdicts & _OPEN)
    return 4 if open_ or not outcomes else 0
