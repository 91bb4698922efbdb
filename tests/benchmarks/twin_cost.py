"""CPU of one event in a child of another language, beside the same floor as Python's.

The child alone: what the parent does with a line does not depend on who wrote it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.chatter import Talk
from tests.benchmarks.crew import RawReader, talkers, until
from tests.benchmarks.event_cost import EVENTS, ROUNDS, talking_ns
from tests.benchmarks.figure import Costs, Effort, Figure, ratio

LIMIT = 1.8
_GO_MODULE = Path(__file__).resolve().parents[2] / "worker_child/lang/go"
_GO_FIGURE = re.compile(r"([\d.]+) cpu-ns/event")
_LIMIT_S = 120.0


def measure(effort: Effort) -> list[Figure]:
    """Microseconds of CPU an event in the child; nothing where Go is missing."""
    if shutil.which("go") is None:
        return []
    events = EVENTS[effort]
    rounds = [Costs(_go_us(events), _floor_us(events)) for _ in range(ROUNDS[effort])]
    return [ratio("an event, Go child alone", rounds, LIMIT, unit="us CPU")]


def _go_us(events: int) -> float:
    argv = ["go", "test", "-run=^$", "-bench=Event", f"-benchtime={events // 2}x", "./child"]
    done = subprocess.run(
        argv,
        cwd=_GO_MODULE,
        env={**os.environ, "GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
        check=True,
        timeout=_LIMIT_S,
    )
    found = _GO_FIGURE.search(done.stdout)
    assert found is not None, done.stdout
    return float(found[1]) / 1000


def _floor_us(events: int) -> float:
    with TemporaryDirectory() as name:
        folder = Path(name)
        with (
            talkers(folder, 1, Talk("floor", events)) as fleet,
            RawReader(folder / "raw", fleet.children.values()) as raw,
        ):
            until(lambda: raw.ended, raw.wait, "the last line", _LIMIT_S)
        return talking_ns(folder) / events / 1000
