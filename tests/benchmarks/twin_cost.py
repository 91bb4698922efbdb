"""CPU of one event in a child of another language, beside a floor.

The child alone: what the parent does with a line does not depend on who wrote it. Go is held to
Python's floor; Node, where a write alone costs more than that, to JSON.stringify and one write.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.chatter import Talk
from tests.benchmarks.crew import RawReader, talkers, until
from tests.benchmarks.event_cost import EVENTS, ROUNDS, talking_ns
from tests.benchmarks.figure import Costs, Effort, Figure, ratio

LIMIT = 1.8
_LANG = Path(__file__).resolve().parents[2] / "worker_child/lang"
_FIGURE = re.compile(r"([\d.]+) cpu-ns/event")
_PIPE_BYTES = 1 << 20
"""As large as the parent makes it, or the writer would wait for its reader more often."""
_LIMIT_S = 120.0


def measure(effort: Effort) -> list[Figure]:
    """Microseconds of CPU an event in the child; nothing of a language that is missing here."""
    present = [twin for twin in TWINS if shutil.which(twin.program) is not None]
    return [_measured(twin, effort) for twin in present]


@dataclass(frozen=True)
class Twin:
    """How the cost of an event is had in one language: both in microseconds, of so many events."""

    language: str
    program: str
    """Without it there is nothing to measure."""
    cost_us: Callable[[int], float]
    floor_us: Callable[[int], float]


def _measured(twin: Twin, effort: Effort) -> Figure:
    events = EVENTS[effort]
    rounds = [Costs(twin.cost_us(events), twin.floor_us(events)) for _ in range(ROUNDS[effort])]
    return ratio(f"an event, {twin.language} child alone", rounds, LIMIT, unit="us CPU")


def _go_us(events: int) -> float:
    argv = ["go", "test", "-run=^$", "-bench=Event", f"-benchtime={events // 2}x", "./child"]
    done = subprocess.run(
        argv,
        cwd=_LANG / "go",
        env={**os.environ, "GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
        check=True,
        timeout=_LIMIT_S,
    )
    return _figure_us(done.stdout)


def _node_us(events: int, voice: str = "emitter") -> float:
    argv, drain = ["node", "bench/event.mjs", voice, str(events // 2)], ["cat"]
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    with subprocess.Popen(drain, stdin=reading, stdout=subprocess.DEVNULL):
        os.close(reading)
        try:
            done = subprocess.run(
                argv,
                cwd=_LANG / "node",
                stdout=writing,
                stderr=subprocess.PIPE,
                text=True,
                check=True,
                timeout=_LIMIT_S,
            )
        finally:
            os.close(writing)
    return _figure_us(done.stderr)


def _figure_us(said: str) -> float:
    found = _FIGURE.search(said)
    assert found is not None, said
    return float(found[1]) / 1000


def _python_floor_us(events: int) -> float:
    with TemporaryDirectory() as name:
        folder = Path(name)
        with (
            talkers(folder, 1, Talk("floor", events)) as fleet,
            RawReader(folder / "raw", fleet.children.values()) as raw,
        ):
            until(lambda: raw.ended, raw.wait, "the last line", _LIMIT_S)
        return talking_ns(folder) / events / 1000


TWINS = [
    Twin("Go", "go", _go_us, _python_floor_us),
    Twin("Node", "node", _node_us, partial(_node_us, voice="floor")),
]
