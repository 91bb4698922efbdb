"""CPU of one event, from the emitter in the child to the recorder's file.

The floor is ``orjson.dumps`` and one ``os.write`` of the same line in a child, made from the same
facts, and a parent that reads large chunks and appends them unread. Both children talk as fast as
they can.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from orchestrator.fleet import Fleet
from tests.benchmarks.chatter import Talk
from tests.benchmarks.crew import RawReader, talkers, until
from tests.benchmarks.figure import Costs, Effort, Figure, ratio

LIMIT = 1.8
ROUNDS = {"full": 9, "quick": 3}
EVENTS = {"full": 200_000, "quick": 40_000}
_READ_LIMIT_S = 60.0


def measure(effort: Effort) -> list[Figure]:
    """Microseconds of CPU an event, child and parent together."""
    events = EVENTS[effort]
    rounds = [Costs(_instrument_us(events), _floor_us(events)) for _ in range(ROUNDS[effort])]
    return [ratio("an event, child and parent", rounds, LIMIT, unit="us CPU")]


def _instrument_us(events: int) -> float:
    with TemporaryDirectory() as name:
        folder = Path(name)
        with talkers(folder, 1, Talk("emitter", events)) as fleet:
            begun_ns = time.process_time_ns()
            until(lambda: not fleet.unburied(), fleet.wait, "the last event", _READ_LIMIT_S)
            parent_ns = time.process_time_ns() - begun_ns
            _assert_all_came(fleet, events)
        return (parent_ns + talking_ns(folder)) / events / 1000


def _floor_us(events: int) -> float:
    with TemporaryDirectory() as name:
        folder = Path(name)
        with (
            talkers(folder, 1, Talk("floor", events)) as fleet,
            RawReader(folder / "raw", fleet.children.values()) as raw,
        ):
            begun_ns = time.process_time_ns()
            until(lambda: raw.ended, raw.wait, "the last line", _READ_LIMIT_S)
            parent_ns = time.process_time_ns() - begun_ns
        return (parent_ns + talking_ns(folder)) / events / 1000


def _assert_all_came(fleet: Fleet, events: int) -> None:
    (child,) = fleet.children.values()
    assert child.reader.next_n == events + 1, f"{child.reader.next_n} of {events + 1} lines came"


def talking_ns(folder: Path) -> int:
    """The CPU time that the talker of `talkers` says its talking took, nanoseconds."""
    return int((folder / "slot0-incarnation0.stdout").read_text())
