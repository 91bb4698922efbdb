"""The enumeration of one queue: list its round trips, try each, fold what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from analysis.compare.crash_points import (
    ACTIONS,
    Action,
    CrashPoints,
    ListedPoint,
    PointOutcome,
    PointRun,
    judge_point,
    worst_of,
)
from analysis.errors import AnalysisError
from analysis.summary.summary import read_summary, write_summary
from analysis.summary.types import Summary
from orchestrator.commands.crash_points.lanes import Lanes
from orchestrator.commands.crash_points.listing import (
    Listing,
    Point,
    RoundTripNote,
    idle_says,
    list_points,
)
from orchestrator.commands.crash_points.plan import (
    Subject,
    Trial,
    harmless_requests,
    not_tried,
    points_to_try,
    trials,
    undecidable,
)
from orchestrator.commands.crash_points.workloads import WORKLOADS, WorkloadName
from orchestrator.commands.reproduce import read_start
from orchestrator.errors import CrashbenchError, ResultsError, UnknownNameError
from orchestrator.history.files import RunFiles
from orchestrator.paths import ROOT
from orchestrator.run import environment
from orchestrator.run.request import Request
from orchestrator.scenario.types import PointSide

Observe = Callable[["Progress"], None]
MOST_ATTEMPTS = 3
"""How often a run is repeated whose point was not reached, or that is invalid: a worker's timers
decide whether it comes there a second time."""


class RunFailedError(CrashbenchError):
    """A run of an enumeration could not be carried out."""


@dataclass(frozen=True)
class Wish:
    """What is asked for beside the queue itself."""

    only: frozenset[str] = frozenset()
    """Ids of points; empty = all."""
    repetitions: int = 1
    actions: tuple[Action, ...] = ACTIONS
    max_bound_s: float = 60.0
    """Longer rescues are not waited for."""
    fold: bool = True
    """False = every round trip is a point of its own."""


@dataclass(frozen=True)
class Progress:
    """One run has ended, or was kept."""

    done: int
    of: int
    left_s: float | None
    """An estimate of what is to come; None = nothing has been carried out yet."""
    run_id: str
    trial: Trial | None
    """None = it was a run without harm."""
    result: PointRun | None


class Enumeration:
    """Carries it out; `carry_out` is called once."""

    def __init__(
        self, subject: Subject, wish: Wish, lanes: Lanes, lane_count: int, observe: Observe
    ) -> None:
        self._subject = subject
        self._wish = wish
        self._lanes = lanes
        self._lane_count = lane_count
        self._observe = observe
        self._code = environment.describe_code(ROOT)["sha256"]
        self._not_tried = not_tried(subject.preset, wish.actions, wish.max_bound_s)
        self._carried = 0
        self._busy_s = 0.0

    def carry_out(self) -> Iterator[CrashPoints]:
        """The table as far as it has come, each time that a run has ended; the last one is whole.

        Raises `CrashbenchError` when a run cannot be carried out, `Interrupted`.
        """
        begun_s = time.monotonic()
        listings = self._list()
        points = self._wished(points_to_try(listings))
        planned = trials(self._subject, points, self._actions(), self._wish.repetitions)
        results: dict[str, PointRun] = {}
        for _ in self._try(planned, results):
            yield self._table(listings, points, planned, results, time.monotonic() - begun_s)
        yield self._table(listings, points, planned, results, time.monotonic() - begun_s)

    def _actions(self) -> list[Action]:
        return [action for action in self._wish.actions if action not in self._not_tried]

    def _list(self) -> dict[WorkloadName, Listing]:
        requests = harmless_requests(self._subject)
        every = [request for some in requests.values() for request in some]
        done = [request for request in every if self._is_done(request)]
        total = len(every)
        for number, request in enumerate(self._run([r for r in every if r not in done])):
            self._observe(Progress(len(done) + number + 1, total, None, request.run_id, None, None))
        notes = {workload: [self._notes(r) for r in some] for workload, some in requests.items()}
        idle = idle_says(notes["single"]) if self._wish.fold else frozenset()
        return {
            workload: list_points(workload, notes[workload], idle, fold=self._wish.fold)
            for workload in WORKLOADS
        }

    def _notes(self, request: Request) -> list[RoundTripNote]:
        """Raises `RunFailedError` where the run was not as harmless as it should have been."""
        history = RunFiles(request.results, request.run_id).history
        summary = _summary_of(history)
        if summary.verdict == "invalid":
            raise RunFailedError(
                f"{request.run_id}, a run without harm, is invalid: {' '.join(summary.reasons)}"
            )
        return read_round_trips(history)

    def _wished(self, points: list[Point]) -> list[Point]:
        missing = self._wish.only - {point.name.id for point in points}
        if missing:
            known = ", ".join(sorted(point.name.id for point in points))
            raise UnknownNameError(
                f"no point of {self._subject.library} is called {', '.join(sorted(missing))}; "
                f"there are: {known}"
            )
        only = self._wish.only
        return [point for point in points if not only or point.name.id in only]

    def _try(self, planned: Sequence[Trial], results: dict[str, PointRun]) -> Iterator[None]:
        by_id = {trial.request.run_id: trial for trial in planned}
        for trial in planned:
            if self._is_done(trial.request):
                results[trial.request.run_id] = self._judge(trial.request)
        left = [trial.request for trial in planned if trial.request.run_id not in results]
        for attempt in range(1, MOST_ATTEMPTS + 1):
            again: list[Request] = []
            for request in self._run(left):
                result = self._judge(request)
                if result.verdict in ("not_reached", "invalid") and attempt < MOST_ATTEMPTS:
                    again.append(request)
                    continue
                results[request.run_id] = result
                self._tell(by_id[request.run_id], result, len(planned), len(results))
                yield
            left = again

    def _tell(self, trial: Trial, result: PointRun, of: int, done: int) -> None:
        each_s = self._busy_s / self._carried if self._carried else None
        left_s = None if each_s is None else each_s * (of - done) / self._lane_count
        self._observe(Progress(done, of, left_s, trial.request.run_id, trial, result))

    def _run(self, requests: Sequence[Request]) -> Iterator[Request]:
        """Each as it ends. Raises `RunFailedError`."""
        for carried in self._lanes.carry_out(requests):
            if carried.answer.error is not None:
                error = RunFailedError(f"{carried.request.run_id}: {carried.answer.error}")
                error.exit_code = carried.answer.exit_code
                raise error
            self._carried += 1
            self._busy_s += carried.took_s
            yield carried.request

    def _is_done(self, request: Request) -> bool:
        """Whether an earlier call has left this very run, of the same library and code."""
        history = RunFiles(request.results, request.run_id).history
        if not history.exists():
            return False
        try:
            start = read_start(history)
        except ResultsError:
            return False
        return (
            start.scenario_sha256 == request.resolved.digest
            and start.library_version == request.adapter.version()
            and start.settings == msgspec.json.decode(msgspec.json.encode(request.preset.settings))
            and start.environment.get("code", {}).get("sha256") == self._code
        )

    def _judge(self, request: Request) -> PointRun:
        return judge_point(_summary_of(RunFiles(request.results, request.run_id).history))

    def _table(
        self,
        listings: Mapping[WorkloadName, Listing],
        points: Sequence[Point],
        planned: Sequence[Trial],
        results: Mapping[str, PointRun],
        took_s: float,
    ) -> CrashPoints:
        subject = self._subject
        request = planned[0].request if planned else None
        runs: dict[tuple[Point, PointSide, Action], list[PointRun]] = {}
        for trial in planned:
            if trial.request.run_id in results:
                key = (trial.point, trial.side, trial.action)
                runs.setdefault(key, []).append(results[trial.request.run_id])
        place = {point: place for place, point in enumerate(points)}
        in_order = sorted(runs, key=lambda key: place[key[0]])
        return CrashPoints(
            crash_points_version=1,
            library=request.library if request else subject.library,
            library_version=request.adapter.version() if request else "",
            preset=subject.preset.name,
            folder=f"{subject.folder.parent.name}/{subject.folder.name}",
            command=_command(subject, self._wish),
            repetitions=self._wish.repetitions,
            lanes=self._lane_count,
            took_s=round(took_s, 3),
            runs=self._carried,
            complete=not self._wish.only and len(results) == len(planned),
            points=tuple(_outcome(*key, runs[key]) for key in in_order),
            not_tried=self._not_tried,
            unsteady=tuple(
                _listed(point)
                for listing in listings.values()
                for point in listing.unsteady
                if point.name.executes
            ),
            nothing_executed=tuple(
                _listed(point)
                for listing in listings.values()
                for point in listing.steady
                if not point.name.executes
            ),
            before_unknown=tuple(_listed(point) for point in undecidable(points)),
        )


def read_round_trips(history: Path) -> list[RoundTripNote]:
    """The round trips that a harmless run has noted. Raises OSError, msgspec.DecodeError."""
    found = []
    with history.open("rb") as file:
        for line in file:
            if b'"round_trip"' not in line:
                continue
            note = msgspec.json.decode(line, type=_NoteLine)
            if note.kind == "note" and note.fields.code == "round_trip":
                found.append(msgspec.convert(note.fields.detail, RoundTripNote))
    return found


class _NoteFields(msgspec.Struct):
    code: str = ""
    detail: dict[str, object] = {}


class _NoteLine(msgspec.Struct):
    kind: str
    fields: _NoteFields


def _summary_of(history: Path) -> Summary:
    """The one beside it, made anew where it cannot be used. Raises AnalysisError, OSError."""
    beside = history.with_name(f"{history.name.removesuffix('.jsonl')}.summary.json")
    try:
        return read_summary(beside)
    except (OSError, AnalysisError):
        return write_summary(history)


def _outcome(
    point: Point, side: PointSide, action: Action, runs: Sequence[PointRun]
) -> PointOutcome:
    name = point.name
    return PointOutcome(
        id=name.id,
        workload=name.workload,
        statement=name.statement,
        phase=name.phase,
        ordinal=name.ordinal,
        side=side,
        action=action,
        verdict=worst_of(runs),
        runs=tuple(runs),
        sql=point.sql,
        folded=point.folded,
        nondeterministic=len({run.verdict for run in runs}) > 1,
    )


def _listed(point: Point) -> ListedPoint:
    name = point.name
    return ListedPoint(
        workload=name.workload,
        statement=name.statement,
        phase=name.phase,
        ordinal=name.ordinal,
        folded=point.folded,
    )


def _command(subject: Subject, wish: Wish) -> str:
    words = ["crashbench", "crash-points", subject.library, "--preset", subject.preset_name]
    words += [] if wish.actions == ACTIONS else ["--actions", ",".join(wish.actions)]
    if wish.max_bound_s != Wish.max_bound_s:
        words += ["--max-bound", f"{wish.max_bound_s:g}"]
    words += [word for setting in subject.settings for word in ("--setting", setting)]
    if wish.repetitions != 1:
        words += ["--repetitions", str(wish.repetitions)]
    words += [word for point in sorted(wish.only) for word in ("--only", point)]
    return " ".join([*words, *([] if wish.fold else ["--all"])])
