"""CPU of one event, from the emitter in the child to the recorder's file.

The floor is ``orjson.dumps`` and one ``os.write`` of the same line in a child, made from the same
facts, and a parent that reads large chunks and appends them unread. All children talk as fast as
they can. `TALKERS` has a row for each language that a child can be written in; all of them are held
against the same floor, so that their ratios can be compared.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from orchestrator.workers.fleet import Fleet
from tests.benchmarks.chatter import Talk
from tests.benchmarks.crew import PYTHON, RawReader, talkers, until
from tests.benchmarks.figure import Costs, Effort, Figure, ratio

LIMIT = 1.8
ROUNDS = {"full": 9, "quick": 3}
EVENTS = {"full": 200_000, "quick": 40_000}
TALKERS: dict[str, Sequence[str]] = {"Python": PYTHON}
"""By language: how the talker that uses its emitter is started."""
_READ_LIMIT_S = 60.0


def measure(effort: Effort) -> list[Figure]:
    """Microseconds of CPU an event, child and parent together; a figure a language."""
    events = EVENTS[effort]
    rounds: dict[str, list[Costs]] = {language: [] for language in TALKERS}
    for _ in range(ROUNDS[effort]):
        floor_us = _floor_us(events)
        for language, argv in TALKERS.items():
            rounds[language].append(Costs(_instrument_us(events, argv), floor_us))
    return [
        ratio(f"an event, {language} child and parent", costs, LIMIT, unit="us CPU")
        for language, costs in rounds.items()
    ]


def _instrument_us(events: int, argv: Sequence[str]) -> float:
    with TemporaryDirectory() as name:
        folder = Path(name)
        with talkers(folder, 1, Talk("emitter", events), argv) as fleet:
            begun_ns = time.process_time_ns()
            until(lambda: not fleet.unfinished(), fleet.wait, "the last event", _READ_LIMIT_S)
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
