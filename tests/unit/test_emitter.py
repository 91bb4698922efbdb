"""What a child writes: whole lines, counted without a gap, stamped in their order."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.workers.event_reader import EventReader
from worker_child.emitter import Emitter, LineTooLongError, about_execution
from worker_child.lifeline import EXIT_PARENT_GONE
from worker_child.protocol import MAX_LINE_BYTES, ClockAnchor

RUN_ID = "run"
MONOTONIC_NS = 5_000_000_000
WALL_NS = 1_790_000_000_000_000_000


@dataclass
class Pipe:
    """The emitter's own pipe, and what has come through it."""

    reading: int
    writing: int

    def lines(self) -> list[dict[str, Any]]:
        """Every line so far."""
        return [msgspec.json.decode(line) for line in self.text().splitlines()]

    def text(self) -> bytes:
        os.set_blocking(self.reading, False)
        try:
            return os.read(self.reading, 1 << 20)
        except BlockingIOError:
            return b""


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    opened = Pipe(*os.pipe())
    yield opened
    os.close(opened.writing)
    os.close(opened.reading)


def make_emitter(
    pipe: Pipe, clock_ns: Callable[[], int] = lambda: MONOTONIC_NS, run_id: str = RUN_ID
) -> Emitter:
    return Emitter(
        pipe.writing,
        run_id=run_id,
        slot=2,
        incarnation=3,
        clock_anchor=ClockAnchor(monotonic_ns=MONOTONIC_NS, wall_ns=WALL_NS),
        clock_ns=clock_ns,
    )


def test_a_line_has_the_four_keys_and_the_signature_of_the_child(pipe: Pipe) -> None:
    make_emitter(pipe).emit("note", {"code": "x"})
    (line,) = pipe.lines()
    assert list(line) == ["run_id", "timestamp", "kind", "fields"]
    assert line["fields"] == {
        "t_ns": MONOTONIC_NS,
        "n": 0,
        "slot": 2,
        "incarnation": 3,
        "code": "x",
    }


def test_a_run_id_with_quotes_and_percent_signs_is_written_as_it_is(pipe: Pipe) -> None:
    run_id = 'a "b" %s \\ é'
    make_emitter(pipe, run_id=run_id).emit("note", {"code": "x"})
    (line,) = pipe.lines()
    assert line["run_id"] == run_id


def test_each_event_is_one_write_of_one_line(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []

    def write(_descriptor: int, line: bytes) -> int:
        written.append(bytes(line))
        return len(line)

    monkeypatch.setattr(os, "write", write)
    emitter = make_emitter(pipe)
    for number in range(3):
        emitter.emit("note", {"code": "x", "message": f"a\nb {number}"})
    assert [line.count(b"\n") for line in written] == [1, 1, 1]
    assert all(line.endswith(b"\n") for line in written)


def test_timestamps_are_right_across_a_second(pipe: Pipe) -> None:
    offsets_ns = [0, 999_999_000, 999_999_999, 1_000_000_000, 1_000_001_000, 60_000_000_000]
    clock = iter([MONOTONIC_NS + offset_ns for offset_ns in offsets_ns])
    emitter = make_emitter(pipe, lambda: next(clock))
    for _ in offsets_ns:
        emitter.emit("note", {"code": "x"})
    expected = [
        datetime.fromtimestamp((WALL_NS + offset_ns) // 1000 / 1_000_000, UTC).strftime(
            "%Y-%m-%dT%H:%M:%S.%fZ"
        )
        for offset_ns in offsets_ns
    ]
    assert [line["timestamp"] for line in pipe.lines()] == expected


def test_a_clock_that_falls_back_to_the_second_before_gives_that_second(pipe: Pipe) -> None:
    clock = iter([MONOTONIC_NS + 1_000_000_000, MONOTONIC_NS])
    emitter = make_emitter(pipe, lambda: next(clock))
    emitter.emit("note", {"code": "x"})
    emitter.emit("note", {"code": "x"})
    later, earlier = (line["timestamp"] for line in pipe.lines())
    assert later == f"{datetime.fromtimestamp(WALL_NS // 10**9 + 1, UTC):%FT%T}.000000Z"
    assert earlier == f"{datetime.fromtimestamp(WALL_NS // 10**9, UTC):%FT%T}.000000Z"


@given(
    job_id=st.text(st.characters(exclude_categories=["Cs"])),
    execution=st.integers(1, 1 << 40),
    inbox_id=st.none() | st.text(st.characters(exclude_categories=["Cs"])),
    since_us=st.integers(0, 999_999),
)
def test_what_is_told_of_an_execution_is_spelt_as_its_fields_are(
    job_id: str, execution: int, inbox_id: str | None, since_us: int
) -> None:
    fields: dict[str, Any] = {"job_id": job_id, "execution": execution}
    if inbox_id is not None:
        fields["inbox_id"] = inbox_id
    about = about_execution(job_id, execution, inbox_id)
    opened = Pipe(*os.pipe())
    try:
        clock_ns = MONOTONIC_NS + since_us * 1000
        for told in (about, fields):
            emitter = make_emitter(opened, lambda: clock_ns)
            if isinstance(told, str):
                emitter.tell("job_started", told)
            else:
                emitter.emit("job_started", told)
        one, other = opened.text().splitlines()
    finally:
        os.close(opened.writing)
        os.close(opened.reading)
    assert one == other
    assert msgspec.json.decode(one)["timestamp"].endswith(f".{since_us:06d}Z")


def test_threads_share_one_count_and_stamps_never_decrease(pipe: Pipe) -> None:
    threads, events = 8, 400
    received = bytearray()

    def drain() -> None:
        while received.count(b"\n") < threads * events:
            received.extend(os.read(pipe.reading, 1 << 16))

    emitter = make_emitter(pipe, time.monotonic_ns)

    def shout() -> None:
        for _ in range(events):
            emitter.emit("note", {"code": "x"})

    busy = [threading.Thread(target=shout, daemon=True) for _ in range(threads)]
    busy.append(threading.Thread(target=drain, daemon=True))
    for thread in busy:
        thread.start()
    for thread in busy:
        thread.join(30)
    assert not any(thread.is_alive() for thread in busy), "not all lines came within 30 s"
    batch = EventReader(RUN_ID, 2, 3).feed(bytes(received))
    assert not batch.bad
    assert [event.fields.n for event in batch.events] == list(range(threads * events))
    stamps = [event.fields.t_ns for event in batch.events]
    assert stamps == sorted(stamps)


def test_the_longest_line_passes_and_one_byte_more_is_refused(pipe: Pipe) -> None:
    make_emitter(pipe).emit("note", {"code": ""})
    empty = len(pipe.text())
    emitter = make_emitter(pipe)
    emitter.emit("note", {"code": "x" * (MAX_LINE_BYTES - empty)})
    assert len(pipe.text()) == MAX_LINE_BYTES
    with pytest.raises(LineTooLongError, match=r"note event of 4097 bytes .* at most 4096"):
        emitter.emit("note", {"code": "x" * (MAX_LINE_BYTES - empty + 1)})


def test_a_refused_event_leaves_no_gap(pipe: Pipe) -> None:
    emitter = make_emitter(pipe)
    emitter.emit("note", {"code": "a"})
    with pytest.raises(LineTooLongError):
        emitter.emit("note", {"code": "x" * MAX_LINE_BYTES})
    emitter.emit("note", {"code": "b"})
    assert [line["fields"]["n"] for line in pipe.lines()] == [0, 1]


def test_a_child_that_nobody_reads_any_more_leaves_at_once() -> None:
    program = """
import os
from worker_child.emitter import Emitter
from worker_child.protocol import ClockAnchor
reading, writing = os.pipe()
os.close(reading)
anchor = ClockAnchor(monotonic_ns=0, wall_ns=0)
Emitter(writing, run_id="run", slot=0, incarnation=0, clock_anchor=anchor).emit("note", {})
print("still here")
"""
    left = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (left.returncode, left.stdout) == (EXIT_PARENT_GONE, b"")
