"""The enumeration of one queue: list its round trips, try each, fold what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from analysis.compare.crash_points import (
    Action,
    CrashPoints,
    ListedPoint,
    PointOutcome,
    PointRun,
    TriedSide,
    worst_of,
)
from orchestrator.commands.crash_points.body import body_points
from orchestrator.commands.crash_points.kept import (
    REPEATED,
    Kept,
    history_of,
    judge,
    summary_of,
)
from orchestrator.commands.crash_points.listing import (
    Listing,
    Point,
    RoundTripNote,
    idle_says,
    list_points,
)
from orchestrator.commands.crash_points.notes import read_rescuer, read_round_trips
from orchestrator.commands.crash_points.plan import (
    Subject,
    Trial,
    harmless_requests,
    not_tried,
    points_to_try,
    race_trials,
    rescue_requests,
    trials,
    undecidable,
)
from orchestrator.commands.crash_points.race import completion_of, race_points
from orchestrator.commands.crash_points.under_way import UnderWay
from orchestrator.commands.crash_points.wish import Wish, command_of
from orchestrator.commands.crash_points.workloads import WORKLOADS, WorkloadName
from orchestrator.commands.engine.engine import Block, Engine
from orchestrator.errors import CrashbenchError, UnknownNameError
from orchestrator.run.request import Request
from orchestrator.run.subprocess_run import IsInterrupted
from orchestrator.scenario.triggered import AtPoint

Observe = Callable[["Progress"], None]
MOST_ATTEMPTS = 3
"""How often a run is repeated whose point was not reached, or that is invalid: a worker's timers
decide whether it comes there a second time."""


_BY_CHANCE = 3
"""The exit code of a run that the world did not let go on, such as a worker that was not ready in
time on a machine that is overloaded: it may go on another time."""
_NO_WORLD = 2
"""That of a run that had none, being ended at its limit or with its machine."""


class RunFailedError(CrashbenchError):
    """A run of an enumeration could not be carried out."""


class UnsoundListingError(RunFailedError):
    """A run without harm cannot be vouched for: which points there are is not known."""

    exit_code = 3


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
    machine: str = ""
    """Where it was carried out; empty = here, or it was kept."""


class Enumeration:
    """Carries it out; `carry_out` is called once."""

    def __init__(
        self,
        subject: Subject,
        wish: Wish,
        engine: Engine,
        kept: Kept,
        observe: Observe,
        tell: Callable[[str], None],
    ) -> None:
        """`observe` hears of each run, `tell` what else the user ought to know."""
        self._subject = subject
        self._wish = wish
        self._engine = engine
        self._observe = observe
        self._under_way = UnderWay(tell)
        self._interrupted: IsInterrupted = lambda: False
        self._kept = kept
        self._not_tried = not_tried(subject.preset, wish.actions, wish.max_bound_s)
        self._notes: dict[WorkloadName, list[list[RoundTripNote]]] = {}
        """Of the runs without harm."""
        self._raced: list[Point] = []
        """The round trips at which a rescuer is held."""
        self._carried = 0
        self._taken_over = 0
        self._busy_s = 0.0

    def carry_out(self, interrupted: IsInterrupted) -> Iterator[CrashPoints]:
        """The table as far as it has come, each time that a run has ended; the last one is whole.

        Raises `CrashbenchError` when a run cannot be carried out, `Interrupted`.
        """
        self._interrupted = interrupted
        begun_s = time.monotonic()
        listings = self._list()
        listed = points_to_try(listings)
        completion = self._list_races()
        # A worker that was not seen to say anything is not vouched for by its body alone.
        points = self._wished([*listed, *(body_points() if listed else ()), *self._raced])
        planned = self._plan(points, completion)
        results: dict[str, PointRun] = {}
        for _ in self._try(planned, results):
            yield self._table(listings, points, planned, results, time.monotonic() - begun_s)
        yield self._table(listings, points, planned, results, time.monotonic() - begun_s)

    def _plan(self, points: Sequence[Point], completion: AtPoint | None) -> list[Trial]:
        subject, wish = self._subject, self._wish
        plain = [point for point in points if point not in self._raced]
        sides, times = wish.sides, wish.repetitions
        planned = trials(subject, plain, self._actions(), sides, times, wish.max_bound_s)
        if completion is not None:
            wished = [point for point in points if point in self._raced]
            planned += race_trials(subject, completion, wished, sides, times)
        return planned

    def _list_races(self) -> AtPoint | None:
        """Where the first job is completed, once it is known where its rescuer is held; None where
        that is not asked for, or cannot be tried."""
        if "race" not in self._actions():
            return None
        completion = completion_of(self._notes["single"])
        if completion is None:
            self._not_tried["race"] = (
                "the job was not completed by the same round trip in every run without harm"
            )
            return None
        requests = rescue_requests(self._subject, completion)
        self._carry_out_harmless(requests)
        runs = [read_rescuer(history_of(request)) for request in requests]
        self._raced = race_points(runs, self._notes["single"])
        if not self._raced:
            self._not_tried["race"] = (
                "no round trip of a rescuer could be told from those of an idle worker"
            )
        return completion

    def _actions(self) -> list[Action]:
        return [action for action in self._wish.actions if action not in self._not_tried]

    def _list(self) -> dict[WorkloadName, Listing]:
        requests = harmless_requests(self._subject)
        self._carry_out_harmless([request for some in requests.values() for request in some])
        notes = self._notes = {
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
        self._taken_over += done
        for attempt in range(1, MOST_ATTEMPTS + 1):
            again: list[Request] = []
            for request, complaint, machine in self._run(left, attempt):
                flaw = _flaw_of(request) if complaint is None else f"{request.run_id}: {complaint}"
                if flaw is not None and attempt == MOST_ATTEMPTS:
                    raise UnsoundListingError(flaw)
                if flaw is not None:
                    again.append(request)
                    continue
                done += 1
                progress = Progress(done, len(every), None, request.run_id, None, None, machine)
                self._observe(progress)
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
        self._taken_over += len(results)
        left = [trial.request for trial in planned if trial.request.run_id not in results]
        for attempt in range(1, MOST_ATTEMPTS + 1):
            again: list[Request] = []
            for request, complaint, machine in self._run(left, attempt):
                result = (
                    judge(request) if complaint is None else _not_carried_out(request, complaint)
                )
                if result.verdict in REPEATED and attempt < MOST_ATTEMPTS:
                    again.append(request)
                    continue
                results[request.run_id] = result
                left_s = self._left_s(len(planned) - len(results))
                trial = by_id[request.run_id]
                self._observe(
                    Progress(
                        len(results), len(planned), left_s, request.run_id, trial, result, machine
                    )
                )
                yield
            left = again

    def _left_s(self, left: int) -> float | None:
        each_s = self._busy_s / self._carried if self._carried else None
        return None if each_s is None else each_s * left / self._engine.machines()

    def _run(
        self, requests: Sequence[Request], attempt: int
    ) -> Iterator[tuple[Request, str | None, str]]:
        """Each as it ends, why it could not be carried out, None where it was, and where that was.

        Raises `RunFailedError` where repeating is of no use, or nothing of the sort can be.
        """
        blocks: list[Block] = [[request] for request in requests]
        with closing(
            self._engine.carry_out(blocks, self._under_way, self._interrupted)
        ) as all_ends:
            for request, ended in all_ends:
                complaint = ended.complaint
                if complaint is not None and ended.exit_code != _BY_CHANCE:
                    error = RunFailedError(f"{request.run_id}: {complaint}")
                    error.exit_code = _NO_WORLD if ended.exit_code is None else ended.exit_code
                    raise error
                self._carried += 1
                self._busy_s += ended.took_s
                yield request, complaint, self._under_way.machine_of(request)

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
        runs: dict[tuple[Point, TriedSide, Action], list[PointRun]] = {}
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
            command=command_of(subject, self._wish),
            repetitions=self._wish.repetitions,
            lanes=self._engine.machines(),
            took_s=round(took_s, 3),
            runs=self._carried,
            kept=self._taken_over,
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
            before_unknown=tuple(
                _listed(point) for point in undecidable(points) if point not in self._raced
            ),
        )


def _not_carried_out(request: Request, complaint: str) -> PointRun:
    """Of a run that has no complete history, such as one whose stalled worker never came to work:
    what became of its jobs nobody has read."""
    return PointRun(run_id=request.run_id, verdict="invalid", why=(complaint,))


def _flaw_of(request: Request) -> str | None:
    """Why what a harmless run has listed is not to be relied on; None = it passed."""
    summary = summary_of(history_of(request))
    if summary.verdict == "pass":
        return None
    why = " ".join(summary.reasons)
    return f"{request.run_id}, a run without harm, did not pass ({summary.verdict}): {why}"


def _outcome(
    point: Point, side: TriedSide, action: Action, runs: Sequence[PointRun]
) -> PointOutcome:
    name = point.name
    return PointOutcome(
        id=name.id,
        workload=name.workload,
        statement=name.statement,
        phase=point.phase,
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
        phase=point.phase,
        wave=name.wave,
        ordinal=name.ordinal,
        folded=point.folded,
    )
