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
    worst_of,
)
from orchestrator.commands.crash_points.kept import (
    REPEATED,
    Kept,
    history_of,
    judge,
    summary_of,
)
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
from orchestrator.errors import CrashbenchError, UnknownNameError
from orchestrator.run.request import Request
from orchestrator.scenario.triggered import PointSide

Observe = Callable[["Progress"], None]
MOST_ATTEMPTS = 3
"""How often a run is repeated whose point was not reached, or that is invalid: a worker's timers
decide whether it comes there a second time."""


_BY_CHANCE = 3
"""The exit code of a run that the world did not let go on, such as a worker that was not ready in
time on a machine that is overloaded: it may go on another time."""


class RunFailedError(CrashbenchError):
    """A run of an enumeration could not be carried out."""


class UnsoundListingError(RunFailedError):
    """A run without harm cannot be vouched for: which points there are is not known."""

    exit_code = 3


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
        self,
        subject: Subject,
        wish: Wish,
        lanes: Lanes,
        lane_count: int,
        kept: Kept,
        observe: Observe,
    ) -> None:
        self._subject = subject
        self._wish = wish
        self._lanes = lanes
        self._lane_count = lane_count
        self._observe = observe
        self._kept = kept
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
        self._carry_out_harmless([request for some in requests.values() for request in some])
        notes = {
            workload: [read_round_trips(history_of(request)) for request in some]
            for workload, some in requests.items()
        }
        idle = idle_says(notes["single"]) if self._wish.fold else frozenset()
        return {
            workload: list_points(workload, notes[workload], idle, fold=self._wish.fold)
            for workload in WORKLOADS
        }

    def _carry_out_harmless(self, every: Sequence[Request]) -> None:
        """Raises `UnsoundListingError` where one does not pass, however often it is repeated."""
        kept = [request for request in every if self._kept.has(request) and not _flaw_of(request)]
        left = [request for request in every if request not in kept]
        done = len(kept)
        for attempt in range(1, MOST_ATTEMPTS + 1):
            again: list[Request] = []
            for request, failed in self._run(left, attempt):
                flaw = None if failed else _flaw_of(request)
                if flaw is not None and attempt == MOST_ATTEMPTS:
                    raise UnsoundListingError(flaw)
                if failed or flaw is not None:
                    again.append(request)
                    continue
                done += 1
                self._observe(Progress(done, len(every), None, request.run_id, None, None))
            left = again

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
            if (kept := self._kept.result(trial.request)) is not None:
                results[trial.request.run_id] = kept
        left = [trial.request for trial in planned if trial.request.run_id not in results]
        for attempt in range(1, MOST_ATTEMPTS + 1):
            again: list[Request] = []
            for request, failed in self._run(left, attempt):
                result = None if failed else judge(request)
                if result is None or (result.verdict in REPEATED and attempt < MOST_ATTEMPTS):
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

    def _run(self, requests: Sequence[Request], attempt: int) -> Iterator[tuple[Request, bool]]:
        """Each as it ends, and whether it failed and is to be repeated.

        Raises `RunFailedError` where repeating is of no use, or was of none.
        """
        for carried in self._lanes.carry_out(requests):
            answer = carried.answer
            last = answer.exit_code != _BY_CHANCE or attempt == MOST_ATTEMPTS
            if answer.error is not None and last:
                error = RunFailedError(f"{carried.request.run_id}: {answer.error}")
                error.exit_code = answer.exit_code
                raise error
            self._carried += 1
            self._busy_s += carried.took_s
            yield carried.request, answer.error is not None

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


def _flaw_of(request: Request) -> str | None:
    """Why what a harmless run has listed is not to be relied on; None = it passed."""
    summary = summary_of(history_of(request))
    if summary.verdict == "pass":
        return None
    why = " ".join(summary.reasons)
    return f"{request.run_id}, a run without harm, did not pass ({summary.verdict}): {why}"


def _outcome(
    point: Point, side: PointSide, action: Action, runs: Sequence[PointRun]
) -> PointOutcome:
    name = point.name
    return PointOutcome(
        id=name.id,
        workload=name.workload,
        statement=name.statement,
        phase=name.phase,
        wave=name.wave,
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
        wave=name.wave,
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
