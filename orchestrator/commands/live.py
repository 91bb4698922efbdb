"""Shows a run while it goes on: a few calm lines on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from analysis.errors import AnalysisError
from analysis.faults_named import faults_counted
from orchestrator.run.status import Phase, Status

_PLAIN_EVERY_S = 10.0
_PHASE_TEXTS: dict[Phase, str] = {
    Phase.SETUP: "starting the workers",
    Phase.LOAD: "load",
    Phase.HOLD: "holding jobs at their points",
    Phase.DRAIN: "drain",
    Phase.STOP: "stopping the workers",
    Phase.AUDIT: "reading every row",
}


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _faults(status: Status) -> str:
    """Each sort by its own word: a pause is no kill."""
    return faults_counted(status.faults) or "none"


class LiveView:
    """A context manager; `update` takes what the supervisor sees.

    `expected_s` is the foreseen length from T = 0; None = unknown.
    """

    def __init__(self, console: Console, run_id: str, expected_s: float | None) -> None:
        self._console = console
        self._run_id = run_id
        self._expected_s = expected_s
        self._live = (
            Live(Text(f"{run_id}: preparing"), console=console, auto_refresh=False, transient=True)
            if console.is_terminal
            else None
        )
        self._phase: Phase | None = None
        self._printed_s = 0.0
        self._deaf = False
        """The output takes no more."""

    def update(self, status: Status) -> None:
        """Show the newest state.

        Where nobody takes it the run goes on all the same: that the output could not be written is
        said at its end, with the history complete.
        """
        if self._deaf:
            return
        try:
            self._show(status)
        except (OSError, AnalysisError):
            self._deaf = True

    def _show(self, status: Status) -> None:
        if self._live is not None:
            self._live.update(self._picture(status), refresh=True)
            return
        now_s = time.monotonic()
        if status.phase is not self._phase or now_s - self._printed_s >= _PLAIN_EVERY_S:
            self._phase, self._printed_s = status.phase, now_s
            self._console.print(self._plain(status), highlight=False, soft_wrap=True)

    def _plain(self, status: Status) -> str:
        return (
            f"T+{status.elapsed_s:5.1f} s  {_PHASE_TEXTS[status.phase]}: "
            f"{status.enqueued} enqueued, {status.completed} completed, "
            f"{status.in_flight} in flight, faults: {_faults(status)}, "
            f"{_counted(status.duplicates, 'duplicate')} so far"
            + (f"; waiting for {status.waiting_for}" if status.phase is Phase.DRAIN else "")
        )

    def _picture(self, status: Status) -> RenderableType:
        figures = Table.grid(padding=(0, 3))
        shown = {
            "enqueued": status.enqueued,
            "completed": status.completed,
            "in flight": status.in_flight,
            "faults": _faults(status),
            "duplicates so far": status.duplicates,
        }
        for _ in shown:
            figures.add_column(justify="right")
        figures.add_row(*(Text(name, style="dim") for name in shown))
        figures.add_row(*(Text(str(value), style="bold") for value in shown.values()))
        head = Text.assemble(
            (self._run_id, "bold"),
            "  ",
            (_PHASE_TEXTS[status.phase], "cyan"),
            "  ",
            self._time(status),
        )
        rows: list[RenderableType] = [head]
        if self._expected_s:
            done_s = min(status.elapsed_s, self._expected_s)
            bar = Table.grid()
            bar.add_row(ProgressBar(total=self._expected_s, completed=done_s, width=60))
            rows.append(bar)
        rows += [figures, Text(f"waiting for {status.waiting_for}", style="dim")]
        return Group(*rows)

    def _time(self, status: Status) -> str:
        elapsed = f"T+{status.elapsed_s:.0f} s"
        if self._expected_s is None:
            return elapsed
        left_s = self._expected_s - status.elapsed_s
        return f"{elapsed}, about {left_s:.0f} s left" if left_s > 0 else f"{elapsed}, nearly done"

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
