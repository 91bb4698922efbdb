"""`make bench`: measures the instrument against limits found in the same run; prints a table."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from tests.benchmarks import (
    analysis_cost,
    analysis_growth,
    crash_point_rate,
    event_cost,
    harness_share,
    kill_loss,
    main_job,
    open_loop,
    proxy_cost,
    reader_cost,
    spread,
    twin_cost,
)
from tests.benchmarks.figure import Effort, Figure, NoRoomError, Standing, not_measured

BENCHMARKS: dict[str, Callable[[Effort], list[Figure]]] = {
    "event": event_cost.measure,
    "twins": twin_cost.measure,
    "reader": reader_cost.measure,
    "analysis": analysis_cost.measure,
    "analysis-growth": analysis_growth.measure,
    "producer": open_loop.measure,
    "harness": harness_share.measure,
    "main-job": main_job.measure,
    "sigkill": kill_loss.measure,
    "proxy": proxy_cost.measure,
    "crash-points": crash_point_rate.measure,
    "spread": spread.measure,
}
STYLES: dict[Standing, str] = {
    "met": "green",
    "MISSED": "bold red",
    "machine_limited": "yellow",
    "not_measured": "bold red",
}


def bench(
    only: Annotated[
        list[str] | None,
        typer.Option(help=f"Measure this alone; may be repeated. One of: {', '.join(BENCHMARKS)}."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer and smaller rounds; the figures are rough.")
    ] = False,
) -> None:
    """Speed and memory of the instrument itself, most of it as ratios to a floor.

    Floor and instrument take turns in the same run; a ratio is the median of the rounds' ratios,
    with the lowest and highest beside it. Exit code 1 when a ratio, the memory or the SIGKILLs
    missed their limit or could not be measured; an absolute time depends on the machine and never
    fails the run.
    """
    console = Console(highlight=False)
    figures = [
        figure
        for name in _chosen(only)
        for figure in _measured(name, "quick" if quick else "full", console)
    ]
    _show(figures, console)
    failing = {"MISSED", "not_measured"}
    failed = [figure for figure in figures if figure.binding and figure.standing in failing]
    raise typer.Exit(1 if failed else 0)


def _chosen(only: list[str] | None) -> list[str]:
    unknown = sorted(set(only or ()) - BENCHMARKS.keys())
    if unknown:
        raise typer.BadParameter(
            f"there is no {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}"
        )
    return [name for name in BENCHMARKS if not only or name in only]


def _measured(name: str, effort: Effort, console: Console) -> list[Figure]:
    begun_ns = time.monotonic_ns()
    console.print(f"measuring {name} ...", end=" ", style="dim")
    try:
        figures = BENCHMARKS[name](effort)
    except NoRoomError as error:
        figures = [not_measured(name, str(error))]
    console.print(f"{(time.monotonic_ns() - begun_ns) / 1e9:.0f} s", style="dim")
    return figures


def _show(figures: list[Figure], console: Console) -> None:
    console.print(f"\n{'figure':<47}{'measured':>16}  {'limit':<16}", style="bold")
    for figure in figures:
        line = Text(f"{figure.name:<47}{figure.measured:>16}  {figure.limit:<16}")
        line.append(figure.standing, STYLES[figure.standing])
        console.print(line, soft_wrap=True)
        if figure.detail:
            console.print(Text(f"  {figure.detail}", "dim"), soft_wrap=True)


if __name__ == "__main__":
    if not sys.platform.startswith("linux"):
        sys.exit("the benchmarks run on Linux only, like Crashbench itself")
    typer.run(bench)
