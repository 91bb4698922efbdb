"""One cell as a process of its own: `python -m orchestrator`, on a fresh server, tethered to us."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from orchestrator.commands.matrix.plan import Cell
from orchestrator.processes.death_signal import tethered
from orchestrator.run.run_plan import Interrupted
from orchestrator.run.subprocess_run import JUDGED, run_argv, run_environment, tail
from orchestrator.scenario.types import Scenario

_LOOK_EVERY_S = 1.0
_SLACK_S = 120.0
"""For what no limit of the scenario speaks of: initdb, the audit, the analysis."""
_TAIL_BYTES = 16_384


@dataclass(frozen=True)
class Ended:
    """How the process ended; `complaint` is None when it came to a verdict."""

    complaint: str | None
    took_s: float


def run_cell(cell: Cell, tick: Callable[[float], None], interrupted: Callable[[], bool]) -> Ended:
    """Carry one cell out and wait for its end. Call it in the main thread (see `tether`).

    `tick` hears each second how long the run has gone on. The process dies with us. It is in a
    session of its own, so that a Ctrl-C reaches it through us alone. Raises `Interrupted` once it
    has ended because `interrupted` said so, and OSError when it cannot be started.
    """
    begun_s = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            tethered(_argv(cell), signal.SIGKILL, None),
            env=run_environment(cell.request.dsn),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        limit_s = longest_s(cell.request.scenario)
        complaint = _wait(process, limit_s, tick, interrupted)
        if complaint is None and process.returncode not in JUDGED:
            complaint = f"the run ended with exit code {process.returncode}: {_tail(output)}"
    return Ended(complaint, time.monotonic() - begun_s)


def longest_s(scenario: Scenario) -> float:
    """The sum of all limits that a run may use up, one after the other; then something hangs."""
    limits = scenario.limits
    kills = sum(fault.repeat or 1 for fault in scenario.faults)
    outages_s = sum((f.outage_s or 0.0) * (f.repeat or 1) for f in scenario.faults)
    each_kill_s = limits.max_bound_s + limits.settle_s + limits.ready_s + limits.sessions_gone_s
    once_s = limits.ready_s + limits.held_s + limits.drain_s + limits.confirm_s + limits.stop_s
    if scenario.workload.closed_loop:
        once_s += limits.turn_s
    return scenario.workload.duration_s + outages_s + kills * each_kill_s + once_s + _SLACK_S


def _argv(cell: Cell) -> list[str]:
    request = cell.request
    options = {
        "--scenario": cell.source,
        "--library": request.library_given,
        "--preset": request.preset.name,
        "--ordinal": request.ordinal,
        "--results": request.results,
    }
    more = [f"--set={override}" for override in cell.overrides]
    return run_argv(options, *more, *(["--overwrite"] if request.overwrite else []))


def _wait(
    process: subprocess.Popen[bytes],
    limit_s: float,
    tick: Callable[[float], None],
    interrupted: Callable[[], bool],
) -> str | None:
    begun_s = time.monotonic()
    try:
        while True:
            elapsed_s = time.monotonic() - begun_s
            if interrupted():
                raise Interrupted
            if elapsed_s > limit_s:
                return f"the run did not end within {limit_s:.0f} s, the sum of its limits"
            tick(elapsed_s)
            try:
                process.wait(_LOOK_EVERY_S)
            except subprocess.TimeoutExpired:
                continue
            return None
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the run to end in good order, then make it."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_SLACK_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(output: IO[bytes]) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - _TAIL_BYTES))
    return tail(output.read())
