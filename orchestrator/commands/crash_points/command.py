"""`crashbench crash-points`: a kill at every round trip of a worker with the database."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from analysis.compare.crash_points import (
    ACTIONS,
    SIDES,
    WORST_FIRST,
    Action,
    CrashPoints,
    TriedSide,
    exit_code_of,
    read_table,
)
from analysis.errors import CrashPointsError
from analysis.report.console import HarmlessConsole
from orchestrator.commands.crash_points.enumeration import Enumeration, Progress
from orchestrator.commands.crash_points.kept import Kept
from orchestrator.commands.crash_points.plan import (
    SIDES_OF,
    USUAL_ACTIONS,
    USUAL_SIDES,
    Subject,
    harmless_requests,
)
from orchestrator.commands.crash_points.table import print_progress, print_table
from orchestrator.commands.crash_points.wish import Wish
from orchestrator.commands.crash_points.workloads import (
    SMALLEST_FIRST,
    Ability,
    Least,
    listing_scenario,
    plainest_scenario,
)
from orchestrator.commands.engine.choice import engine_on_one_version
from orchestrator.commands.engine.interruption import interruptible
from orchestrator.commands.matrix.command import listed
from orchestrator.commands.options import Dask, Dsn, Settings
from orchestrator.errors import ClusterError, Interrupted, UnknownNameError
from orchestrator.history.files import require_writable
from orchestrator.postgres.sessions import demand
from orchestrator.run.request import Request, make_request
from worker_child.adapters.contract import UnusableWorkersError

DEFAULT_RESULTS = Path("results")
_LANES_A_CORE = 2
_MOST_LANES = 8
_SESSIONS = 180
"""Of those that a server of ours has (cluster.py), what the lanes may use up together."""


def crash_points(
    library: Annotated[
        str, typer.Argument(metavar="LIBRARY", help="As for --library of crashbench run.")
    ],
    preset: Annotated[
        str | None, typer.Option(help="As for crashbench run. Default: 'tuned', else 'stock'.")
    ] = None,
    setting: Settings = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="This point alone, by the id in the table; repeatable."),
    ] = None,
    repetitions: Annotated[int, typer.Option(min=1, max=99, help="How often each is run.")] = 1,
    actions: Annotated[
        str,
        typer.Option(
            help="With commas: kill; stall = the connections stand still while another worker is "
            "there, then flow again; race = a worker that rescues another's job is held while that "
            "one completes it."
        ),
    ] = ",".join(USUAL_ACTIONS),
    sides: Annotated[
        str,
        typer.Option(
            help="With commas: before, after; body = the places of a job's body; delayed = the "
            "worker is killed before it, and the request is delivered when another has its jobs."
        ),
    ] = ",".join(USUAL_SIDES),
    max_bound: Annotated[
        float,
        typer.Option(
            min=1,
            max=3600,
            help="Stalls of a longer rescue are not tried, and no delayed request waits longer, "
            "seconds.",
        ),
    ] = Wish.max_bound_s,
    every: Annotated[
        bool,
        typer.Option(
            "--all", help="Fold nothing: each heartbeat and each idle poll is a point of its own."
        ),
    ] = False,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VERDICT", help="A verdict that is a failure, too, such as duplicated."
        ),
    ] = None,
    lanes: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Runs side by side. Default: by cores and sessions."),
    ] = None,
    dask: Dask = None,
    dsn: Dsn = None,
    results: Annotated[
        Path, typer.Option(help="Folder for the table, and for a folder of histories.")
    ] = DEFAULT_RESULTS,
) -> None:
    """Kill or stall the worker at each round trip with the database.

    Three runs without harm list the round trips; then each is a run of its own in which the worker
    is stopped before, or after, it, and killed; or its connections stand still while another worker
    is there, and then flow again. Three places of a job's body are points as well. With race among
    the actions a worker stands still before it completes its job, another one that rescues it is
    held at each round trip of that rescue, the completion is let through, and then the other one.
    The verdict of a point is that of its worst job.
    What was interrupted goes on where it was when the same command is given again.

    Exit codes: 0 nothing worse than a duplicate, 1 a job was lost, stranded, given up or stuck, 2
    usage, 3 a point is invalid, 4 one was not reached, is unknown, or differs between repetitions;
    or nothing was tried.

      crashbench crash-points pgqueuer --preset tuned

      crashbench crash-points pgqueuer --only 3f1c09ab
    """
    wished = frozenset(fail_on or ())
    if unknown := wished - set(WORST_FIRST):
        raise UnknownNameError(
            f"--fail-on {', '.join(sorted(unknown))}: no such verdict; there are "
            f"{', '.join(WORST_FIRST)}"
        )
    wish = Wish(
        frozenset(only or ()),
        repetitions,
        _actions(actions),
        _sides(sides),
        max_bound,
        fold=not every,
    )
    _require_a_trial(wish)
    console = HarmlessConsole()
    if dask is not None and lanes is not None:
        raise ClusterError("--lanes cannot go with --dask: each machine has one run at a time")
    subject, needed = _subject(library, preset, tuple(setting or ()), results)
    count = lanes or max(1, min(_MOST_LANES, _LANES_A_CORE * _cores(), _SESSIONS // needed))
    require_writable(subject.folder)
    target = results / f"crash-points-{subject.folder.name}.json"
    table: CrashPoints | None = None

    def observe(progress: Progress) -> None:
        print_progress(progress, console)

    def tell(sentence: str) -> None:
        console.print(Text(sentence, style="yellow"), soft_wrap=True)

    try:
        needed_by = [request for some in harmless_requests(subject).values() for request in some]
        with (
            engine_on_one_version(dask, count, needed_by, dsn, tell) as (engine, version),
            interruptible() as interrupted,
        ):
            enumeration = Enumeration(
                subject, wish, engine, Kept(version, _earlier(target)), observe, tell
            )
            for table in enumeration.carry_out(interrupted):
                if not wish.only:
                    _write(target, table)
    except (Interrupted, KeyboardInterrupt):
        console.print("the same command goes on where it was", highlight=False)
        raise Interrupted from None
    assert table is not None, "an enumeration always comes to a table"
    print_table(table, console)
    if not wish.only:
        console.print(f"written: {target}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"histories: {subject.folder}", highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(exit_code_of(table.points, wished))


def _actions(text: str) -> tuple[Action, ...]:
    given = listed(text)
    unknown = sorted(set(given) - set(ACTIONS))
    if unknown or not given:
        raise UnknownNameError(
            f"--actions {', '.join(unknown) or 'names none'}: there are {', '.join(ACTIONS)}"
        )
    return tuple(action for action in ACTIONS if action in given)


def _sides(text: str) -> tuple[TriedSide, ...]:
    given = listed(text)
    unknown = sorted(set(given) - set(SIDES))
    if unknown or not given:
        raise UnknownNameError(
            f"--sides {', '.join(unknown) or 'names none'}: there are {', '.join(SIDES)}"
        )
    return tuple(side for side in SIDES if side in given)


def _require_a_trial(wish: Wish) -> None:
    """Raises `UnknownNameError` where no action is tried on any of the sides."""
    if not any(SIDES_OF[action] & set(wish.sides) for action in wish.actions):
        tried = ", ".join(
            side for side in SIDES if any(side in SIDES_OF[action] for action in wish.actions)
        )
        raise UnknownNameError(
            f"--actions {','.join(wish.actions)} is tried on none of --sides "
            f"{','.join(wish.sides)}: there are {tried}"
        )


def _subject(
    library: str, preset: str | None, settings: tuple[str, ...], results: Path
) -> tuple[Subject, int]:
    """Whose points they are, and how many sessions a lane may need at once."""

    def asked(least: Least) -> Request:
        return make_request(
            plainest_scenario(least),
            library=library,
            preset=preset,
            ordinal=1,
            dsn=None,
            results=results,
            overwrite=True,
            settings=settings,
        )

    probe = _of_the_smallest_worker(asked)
    workers = probe.scenario.workers
    least = workers.concurrency, workers.pool_size
    ability = Ability.of(probe.adapter, probe.preset, least)
    folder = results / "crash_points" / f"{probe.library}-{probe.preset.name}"
    subject = Subject(library, probe.base_preset, settings, folder, probe.preset, ability)
    batch = listing_scenario("batch", ability, probe.preset)
    wanted = demand(batch, subject.request(batch, 1).preset)
    return subject, 3 * wanted.total - 2 * wanted.harness


def _of_the_smallest_worker(asked: Callable[[Least], Request]) -> Request:
    for least in SMALLEST_FIRST[:-1]:
        try:
            return asked(least)
        except UnknownNameError as error:
            if not isinstance(error.__cause__, UnusableWorkersError):
                raise
    return asked(SMALLEST_FIRST[-1])


def _earlier(target: Path) -> CrashPoints | None:
    """The table of an earlier call; None = there is none that could be read."""
    try:
        return read_table(target)
    except (OSError, CrashPointsError):
        return None


def _write(target: Path, table: CrashPoints) -> None:
    draft = target.with_name(f"{target.name}.tmp")
    draft.write_bytes(table.as_json())
    draft.replace(target)


def _cores() -> int:
    return len(os.sched_getaffinity(0))
