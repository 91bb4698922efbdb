"""One run as a process of its own: the command line that a user would give, from within.

A matrix, a conformance check and a calibration carry their runs out by this one function.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, TypeVar

from orchestrator.errors import Interrupted
from orchestrator.processes.death_signal import tethered
from orchestrator.run.request import DSN_VARIABLE, Request
from orchestrator.scenario.fault_checks import planned_faults
from orchestrator.scenario.types import Scenario
from worker_child.paths import OUR_PYTHON

JUDGED: Final = frozenset({0, 1, 3, 4})
"""Exit codes of a run that came to a verdict."""
AT_ONCE = 2
"""Runs side by side, where none of them is measured."""
_LOOK_EVERY_S = 1.0
_SLACK_S = 120.0
"""For what no limit of the scenario speaks of: initdb, the audit, the analysis."""
_TAIL_LINES = 15
_TAIL_BYTES = 16_384

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
Tick = Callable[[float], None]
IsInterrupted = Callable[[], bool]


@dataclass(frozen=True)
class Ended:
    """How a process ended; `exit_code` None = it was ended at its limit."""

    exit_code: int | None
    said: str
    """A sentence on how it ended, and the last lines that it wrote."""
    took_s: float
    no_verdict: bool = False
    """Though the exit code may be one: 3 is also that of a run that never began."""

    @property
    def complaint(self) -> str | None:
        """What went wrong, where it came to no verdict; else None."""
        return None if self.exit_code in JUDGED and not self.no_verdict else self.said


def run_in_process(
    request: Request,
    *,
    tick: Tick = lambda elapsed_s: None,
    interrupted: IsInterrupted = lambda: False,
) -> Ended:
    """Carry out `request`, which is of a scenario file, and wait for its end; see `wait_for`."""
    limit_s = longest_s(request.scenario)
    argv = run_argv(request)
    return wait_for(argv, limit_s=limit_s, dsn=request.dsn, tick=tick, interrupted=interrupted)


def run_argv(request: Request) -> list[str]:
    """The command line that asks for the same as `request`, but for its DSN."""
    assert request.resolved.source is not None, "a scenario of no file cannot be named"
    options = {
        "--scenario": request.resolved.source,
        "--library": request.library_given,
        "--preset": request.base_preset,
        "--ordinal": request.ordinal,
        "--results": request.results,
    }
    words = [f"{option}={value}" for option, value in options.items()]
    words += [f"--set={override}" for override in request.resolved.overrides]
    words += [f"--setting={word}" for word in request.setting_words]
    words += ["--overwrite"] if request.overwrite else []
    return [*OUR_PYTHON, "-m", "orchestrator", *words]


def longest_s(scenario: Scenario) -> float:
    """The sum of all limits that a run may use up, one after the other; then something hangs."""
    limits = scenario.limits
    outages_s = sum(
        (part.outage_s or 0.0) * (f.repeat or 1) for f in scenario.faults for part in f.each
    )
    each_fault_s = limits.max_bound_s + limits.settle_s + limits.ready_s + limits.sessions_gone_s
    faults_s = planned_faults(scenario) * each_fault_s
    once_s = limits.ready_s + limits.held_s + limits.drain_s + limits.confirm_s + limits.stop_s
    if scenario.workload.closed_loop:
        once_s += limits.turn_s
    waves_s = len(scenario.workload.waves) * (limits.drain_s + limits.turn_s)
    load_s = scenario.workload.duration_s + scenario.workload.idle_s + waves_s
    return load_s + outages_s + faults_s + once_s + _SLACK_S


def wait_for(
    argv: Sequence[str],
    *,
    limit_s: float,
    dsn: str | None = None,
    name: str = "the run",
    tick: Tick = lambda elapsed_s: None,
    interrupted: IsInterrupted = lambda: False,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Ended:
    """Start a process and wait for its end, `limit_s` at the longest.

    It dies with the calling thread, and is in a session of its own, so that a Ctrl-C reaches it
    through us alone. `tick` hears each second how long it has gone on; `name` is what the sentence
    about its end calls it. `environment` and `folder` are ours where none are given. Raises
    `Interrupted` once it has ended because `interrupted` said so, and OSError when it cannot be
    started.
    """
    begun_s = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            tethered(argv, signal.SIGKILL, None),
            env=_environment(dsn, os.environ if environment is None else environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        in_time = _wait(process, limit_s, tick, interrupted)
        took_s = time.monotonic() - begun_s
        if not in_time:
            return Ended(None, f"{name} did not end within {limit_s:.0f} s", took_s)
        said = f"{name} ended with exit code {process.returncode}:\n{_tail(output)}"
        return Ended(process.returncode, said, took_s)


def each_as_it_ends(
    work: Callable[[ItemT, IsInterrupted], ResultT], items: Sequence[ItemT]
) -> Iterator[tuple[ItemT, ResultT]]:
    """Do `work` on every item, `AT_ONCE` at a time, and yield each with its result as it comes.

    `work` gets what `wait_for` asks whether it was interrupted. Raises `Interrupted` after a
    Ctrl-C, once the processes under way have ended.
    """
    wished = threading.Event()
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="run")
    try:
        futures = {pool.submit(work, item, wished.is_set): item for item in items}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except KeyboardInterrupt:
        raise Interrupted from None
    finally:
        wished.set()
        pool.shutdown(cancel_futures=True)


def _environment(dsn: str | None, inherited: Mapping[str, str]) -> dict[str, str]:
    """With the DSN: a command line can be read by everybody, and a DSN may hold a password."""
    return {**inherited, **({} if dsn is None else {DSN_VARIABLE: dsn})}


def _wait(
    process: subprocess.Popen[bytes], limit_s: float, tick: Tick, interrupted: IsInterrupted
) -> bool:
    """Whether it ended by itself within the limit; it has ended in any case."""
    begun_s = time.monotonic()
    try:
        while True:
            elapsed_s = time.monotonic() - begun_s
            if interrupted():
                raise Interrupted
            if elapsed_s > limit_s:
                return False
            tick(elapsed_s)
            try:
                process.wait(min(_LOOK_EVERY_S, max(0.0, limit_s - elapsed_s) + 0.001))
            except subprocess.TimeoutExpired:
                continue
            return True
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end in good order, then make it."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_SLACK_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(output: IO[bytes]) -> str:
    """The last lines."""
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - _TAIL_BYTES))
    return "\n".join(output.read().decode(errors="replace").splitlines()[-_TAIL_LINES:])
