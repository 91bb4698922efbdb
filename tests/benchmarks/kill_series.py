"""Kills a talking child again and again, and holds what arrived against what it had written.

The child counts in a shared mapping each write that has returned. A SIGKILL may then cost at most
the write that was under way: received is that count or one more, and no line is torn. Run as a
program, single-threaded, because it forks: a forked child needs a millisecond where a fresh
interpreter needs a hundred. `SPEAKERS` also holds two that must be caught.
"""

from __future__ import annotations

import mmap
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
import orjson

from orchestrator.workers.event_reader import EventReader
from worker_child.emitter import Emitter
from worker_child.protocol import ClockAnchor

RUN_ID = "bench-kills-none-001"
LONGEST_LIFE_S = 0.006
"""A killed child has talked for at most so long; on an unread pipe it may be blocked by then."""
_READ_BYTES = 1 << 18
_FIRST_LIMIT_S = 10.0
_SERIES_LIMIT_S = 240.0
_COUNT_BYTES = 8


class Found(msgspec.Struct, frozen=True):
    """What a series of kills showed; all but `kills` and `received` should be 0."""

    kills: int
    received: int
    """Whole events that arrived, in all."""
    killed_with_loss: int
    """Children of whom fewer events arrived than writes had returned."""
    killed_with_surplus: int
    """Children of whom more than one event arrived beyond the writes that had returned."""
    torn: int
    """Lines without an end, or that no event could be made of."""


class Speaker(Protocol):
    """Whatever writes events."""

    def emit(self, kind: str, fields: dict[str, Any]) -> None:
        """Write one event."""
        ...


class BufferingSpeaker:
    """Keeps lines back in the process, as a careless emitter would."""

    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(descriptor, "wb", buffering=1 << 16)
        self._n = 0

    def emit(self, kind: str, fields: dict[str, Any]) -> None:
        """Append one line to the buffer."""
        self._file.write(_line(kind, fields, self._n))
        self._n += 1


class TearingSpeaker:
    """Needs two writes a line."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._n = 0

    def emit(self, kind: str, fields: dict[str, Any]) -> None:
        """Write one line in two parts."""
        line = _line(kind, fields, self._n)
        os.write(self._descriptor, line[:80])
        os.write(self._descriptor, line[80:])
        self._n += 1


def _line(kind: str, fields: dict[str, Any], n: int) -> bytes:
    stamped = {"t_ns": time.monotonic_ns(), "n": n, "slot": 0, "incarnation": 0, **fields}
    record = {"run_id": RUN_ID, "timestamp": "", "kind": kind, "fields": stamped}
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def _shipped(descriptor: int) -> Emitter:
    anchor = ClockAnchor(monotonic_ns=time.monotonic_ns(), wall_ns=time.time_ns())
    return Emitter(descriptor, run_id=RUN_ID, slot=0, incarnation=0, clock_anchor=anchor)


SPEAKERS: dict[str, Callable[[int], Speaker]] = {
    "shipped": _shipped,
    "buffering": BufferingSpeaker,
    "tearing": TearingSpeaker,
}
"""The emitter that children use, and two that must not pass."""


def kill_series(kills: int, speaker: str = "shipped", seed: int = 1) -> Found:
    """Carry out a series in a process of its own."""
    argv = [sys.executable, __file__, str(kills), speaker, str(seed)]
    done = subprocess.run(argv, check=True, stdout=subprocess.PIPE, timeout=_SERIES_LIMIT_S)
    return msgspec.json.decode(done.stdout, type=Found)


def _talk(speaker: Speaker, returned: mmap.mmap) -> None:
    """Emit without end; after each emit, count it where the parent can see it."""
    number = 0
    while True:
        number += 1
        speaker.emit("job_started", {"job_id": f"j{number:06d}", "execution": number})
        returned[:] = number.to_bytes(_COUNT_BYTES, sys.byteorder)


def _kill_one(speaker: str, life_s: float, *, read_meanwhile: bool) -> tuple[int, int, int]:
    """(events received, torn lines, writes returned) of one child that was killed."""
    reading, writing = os.pipe()
    with mmap.mmap(-1, _COUNT_BYTES) as returned:
        pid = os.fork()
        if pid == 0:
            try:
                os.close(reading)
                _talk(SPEAKERS[speaker](writing), returned)
            finally:
                os._exit(1)  # whatever happens, a child never returns into the parent's code
        os.close(writing)
        chunks = _let_live(reading, speaker, life_s, read_meanwhile=read_meanwhile)
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, f"wait status {status}"
        count = int.from_bytes(returned[:], sys.byteorder)
    while chunk := os.read(reading, _READ_BYTES):
        chunks.append(chunk)
    os.close(reading)
    return *_heard(chunks), count


def _let_live(reading: int, speaker: str, life_s: float, *, read_meanwhile: bool) -> list[bytes]:
    """Wait for the first line and then for `life_s`; what was read meanwhile."""
    chunks = [_first_bytes(reading)] if speaker != "buffering" else []
    end_ns = time.monotonic_ns() + round(life_s * 1e9)
    while (left_s := (end_ns - time.monotonic_ns()) / 1e9) > 0:
        if read_meanwhile and select.select([reading], [], [], left_s)[0]:
            chunks.append(os.read(reading, _READ_BYTES))
        elif not read_meanwhile:
            time.sleep(left_s)
    return chunks


def _first_bytes(descriptor: int) -> bytes:
    ready = select.select([descriptor], [], [], _FIRST_LIMIT_S)[0]
    assert ready, f"the child has written nothing within {_FIRST_LIMIT_S:g} s"
    return os.read(descriptor, _READ_BYTES)


def _heard(chunks: list[bytes]) -> tuple[int, int]:
    """(whole events in their order, torn or bad lines)"""
    reader = EventReader(RUN_ID, 0, 0)
    batches = [reader.feed(chunk) for chunk in chunks]
    bad = [flaw for batch in batches for flaw in batch.bad] + reader.finish()
    events = sum(len(batch.events) for batch in batches)
    assert reader.next_n == events, f"n has reached {reader.next_n} after {events} events"
    return events, len(bad)


def main(kills: int, speaker: str, seed: int) -> None:
    """Kill so many children and say what was found; every second one is not read meanwhile."""
    chance = random.Random(seed)
    received = losses = surpluses = torn = 0
    for number in range(kills):
        events, bad, returned = _kill_one(
            speaker, chance.uniform(0, LONGEST_LIFE_S), read_meanwhile=number % 2 == 0
        )
        received += events
        losses += events < returned
        surpluses += events > returned + 1
        torn += bad
    found = Found(kills, received, losses, surpluses, torn)
    sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
