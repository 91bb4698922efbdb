"""Of whatever bytes a child writes, good lines are kept as they came and bad ones are told."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.workers.event_reader import BadLine, Batch, EventReader
from worker_child.protocol import MAX_LINE_BYTES, JobStarted, Note

RUN_ID = "run"
TIMESTAMP = "2026-11-21T12:00:00.000000Z"


def line(n: int, *, run_id: str = RUN_ID, kind: str = "note", **fields: Any) -> bytes:
    """A line as the emitter of slot 0, incarnation 0 writes it."""
    signature: dict[str, Any] = {"t_ns": 7, "n": n, "slot": 0, "incarnation": 0, "code": "x"}
    whole = {
        "run_id": run_id,
        "timestamp": TIMESTAMP,
        "kind": kind,
        "fields": {**signature, **fields},
    }
    return msgspec.json.encode(whole) + b"\n"


def overlong(n: int) -> bytes:
    """A line that is right in all but its length."""
    return line(n, message="x" * MAX_LINE_BYTES)


def make_reader() -> EventReader:
    return EventReader(RUN_ID, 0, 0)


def feed_all(reader: EventReader, chunks: list[bytes]) -> tuple[bytes, list[int | None], int]:
    """The good bytes, the ordinals, and how many lines were bad."""
    batches = [reader.feed(chunk) for chunk in chunks]
    torn = reader.finish()
    ordinals = [event.fields.n for batch in batches for event in batch.events]
    bad = sum(len(batch.bad) for batch in batches) + len(torn)
    return b"".join(batch.lines for batch in batches), ordinals, bad


def test_good_lines_pass_byte_for_byte_and_are_decoded() -> None:
    data = line(0) + line(1, kind="job_started", job_id="j000001", execution=1)
    batch = make_reader().feed(data)
    assert batch.lines == data
    assert [type(event.fields) for event in batch.events] == [Note, JobStarted]
    assert batch.bad == []


def test_a_rest_without_a_newline_waits_for_the_next_read() -> None:
    reader, data = make_reader(), line(0)
    assert reader.feed(data[:10]) == Batch()
    assert reader.feed(data[10:]).lines == data
    assert reader.finish() == []


def test_a_rest_at_the_end_of_the_pipe_is_a_torn_line() -> None:
    reader = make_reader()
    reader.feed(line(0) + line(1)[:-1])
    (torn,) = reader.finish()
    assert torn.why == "torn: no newline before the end"
    assert torn.excerpt.startswith('{"run_id":"run"')
    assert reader.next_n == 1


WRONG: dict[str, tuple[bytes, str]] = {
    "garbage": (b"Segmentation fault\n", "malformed"),
    "bytes that are no text": (b"\xff\xfe\x00\n", "utf-8"),
    "an empty line": (b"\n", "truncated"),
    "a carriage return between two objects": (line(1)[:-1] + b"\r" + line(2), "trailing"),
    "two objects on one line": (line(1)[:-1] + line(2), "trailing"),
    "a line of another run": (line(1, run_id="other"), "of another run: other"),
    "a line of another slot": (line(1, slot=4), "signed by another child: 4:0"),
    "a line of another incarnation": (line(1, incarnation=1), "signed by another child: 0:1"),
    "an event without n": (line(1).replace(b'"n":1,', b""), "without n"),
    "an event without t_ns": (line(1).replace(b'"t_ns":7,', b""), "t_ns"),
    "a kind that no child writes": (line(1, kind="run_end"), "run_end"),
    "a field of the wrong type": (line(1, code=5), "code"),
    "no timestamp": (line(1).replace(b'"timestamp"', b'"when"'), "when"),
    "a fifth key": (line(1).replace(b'"kind"', b'"pid":1,"kind"'), "pid"),
    "no utf-8 where nobody looks": (line(1, more="?").replace(b"?", b"\xff"), "utf-8"),
    "one byte too many": (overlong(1), "longer than 4096 bytes"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_bad_line_is_told_and_its_good_neighbours_are_kept(name: str) -> None:
    wrong, why = WRONG[name]
    reader = make_reader()
    batch = reader.feed(line(0) + wrong + line(1))
    (bad,) = batch.bad
    assert why in bad.why
    assert batch.lines == line(0) + line(1)
    assert reader.next_n == 2


@pytest.mark.parametrize("name", WRONG)
def test_a_bad_line_is_as_bad_in_a_read_of_its_own(name: str) -> None:
    reader = make_reader()
    reader.feed(line(0))
    batch = reader.feed(WRONG[name][0])
    assert (batch.lines, len(batch.bad), reader.next_n) == (b"", 1, 1)


def test_one_object_on_two_lines_is_no_line() -> None:
    batch = make_reader().feed(line(0).replace(b'"kind"', b'\n"kind"'))
    assert batch.lines == b""
    assert len(batch.bad) == 2


def test_an_excerpt_is_short_and_readable() -> None:
    (bad,) = make_reader().feed(b"\xff" + b"x" * 1000 + b"\n").bad
    assert bad.excerpt == "\\xff" + "x" * 199


def test_a_gap_is_left_for_the_analysis_to_find() -> None:
    reader = make_reader()
    batch = reader.feed(line(0) + line(5))
    assert batch.lines == line(0) + line(5)
    assert reader.next_n == 6


def test_the_longest_line_that_the_wire_takes_passes() -> None:
    longest = line(0, message="x" * (MAX_LINE_BYTES - len(line(0, message=""))))
    assert len(longest) == MAX_LINE_BYTES
    for chunks in ([longest, line(1)], [longest[:-1], b"\n" + line(1)], [longest + line(1)]):
        assert feed_all(make_reader(), chunks) == (longest + line(1), [0, 1], 0)


def test_lines_in_other_scripts_pass_too() -> None:
    data = line(0, message="Straße, 駅, 🚉")
    assert make_reader().feed(data).lines == data


def test_a_line_without_end_is_told_once_and_takes_no_memory() -> None:
    reader = make_reader()
    reader.feed(line(0))
    bad: list[BadLine] = []
    for _ in range(1000):
        bad += reader.feed(b"y" * 1000).bad
    assert [one.why for one in bad] == ["longer than 4096 bytes"]
    batch = reader.feed(b"yyy\n" + line(1))
    assert (batch.lines, batch.bad) == (line(1), [])


PIECES = st.one_of(
    st.just("good"), st.sampled_from([wrong for wrong, _ in WRONG.values()]), st.binary(max_size=30)
)


@given(
    pieces=st.lists(PIECES, max_size=12),
    cuts=st.lists(st.integers(0, 20_000), max_size=12),
)
@example(pieces=[overlong(0), "good"], cuts=[4095, 4096, 4097])
def test_the_same_bytes_give_the_same_lines_wherever_the_reads_cut_them(
    pieces: list[str | bytes], cuts: list[int]
) -> None:
    data, n = b"", 0
    for piece in pieces:
        data += line(n) if isinstance(piece, str) else piece
        n += isinstance(piece, str)
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    chunks = [data[a:b] for a, b in pairwise(places)]
    whole = feed_all(make_reader(), [data])
    assert feed_all(make_reader(), chunks) == whole
    assert whole[0].count(b"\n") == len(whole[1])
    assert whole[2] + len(whole[1]) == len(data.splitlines(keepends=True)) or b"\r" in data


@given(cut=st.integers(1, 400))
def test_a_stream_may_be_cut_at_any_byte(cut: int) -> None:
    data = b"".join(line(n, message="m" * (n % 7)) for n in range(40))
    chunks = [data[begin : begin + cut] for begin in range(0, len(data), cut)]
    assert feed_all(make_reader(), chunks) == (data, list(range(40)), 0)


# Lines that start or complete a job take a way of their own when all of a read are such


def job_line(n: int, *, slot: int = 0, run_id: str = RUN_ID, **more: Any) -> bytes:
    """A line of a job as the emitter writes it."""
    fields = {"t_ns": 7, "n": n, "slot": slot, "incarnation": 0, "job_id": "j1", "execution": 1}
    whole = {
        "run_id": run_id,
        "timestamp": TIMESTAMP,
        "kind": ("job_started", "job_completed")[n % 2],
        "fields": {**fields, **more},
    }
    return msgspec.json.encode(whole) + b"\n"


JOB = job_line(2)
ODD_JOBS: dict[str, bytes] = {
    "another run": job_line(2, run_id="other"),
    "another slot": job_line(2, slot=4),
    "another slot, ours deeper down": job_line(2, slot=4, more={"x": 1, "slot": 0}).replace(
        b'"slot":0', b'"slot":0,"incarnation":0,"y":1'
    ),
    "another slot, ours in a text": job_line(2, slot=4, inbox_id=',"slot":0,"incarnation":0,'),
    "two objects on a line": JOB[:-1] + job_line(3),
    "one object on two lines": JOB.replace(b'"kind"', b'\n"kind"'),
    "two on a line and one on two": JOB[:-1] + job_line(3) + JOB.replace(b'"kind"', b'\n"kind"'),
    "one object on two lines, signed twice": JOB.replace(
        b'"slot"', b'"slot":0,"incarnation":0,\n"n":2,"slot"'
    ),
    "a line that begins inside another": JOB.replace(b'"n":2', b'"n":2,"m":\n' + JOB[:-1]),
    "no job": JOB.replace(b'"job_id":"j1",', b""),
    "no n": JOB.replace(b'"n":2,', b""),
    "an n of the wrong type": JOB.replace(b'"n":2,', b'"n":"2",'),
    "a fifth key": JOB.replace(b'"kind"', b'"pid":1,"kind"'),
    "another spelling": msgspec.json.format(JOB, indent=0) + b"\n",
    "a field that only a later version knows": job_line(2, hue="red"),
    "a text that is not ASCII": job_line(2, inbox_id="é"),
    "no utf-8": JOB.replace(b"j1", b"\xff1"),
    "no utf-8 in the timestamp": JOB.replace(b"T12", b"\xc3\x2812"),
    "over-long": job_line(2, inbox_id="x" * MAX_LINE_BYTES),
    "a failure": line(2, kind="job_failed", job_id="j1", execution=1, error_class="transient"),
    "an empty line": b"\n",
    "a torn line": JOB[:50] + b"\n",
    "a gap": job_line(7),
}


def told(batch: Batch) -> tuple[bytes, list[dict[str, Any]], list[BadLine]]:
    fields = [msgspec.structs.asdict(event.fields) for event in batch.events]
    known = [{name: one[name] for name in ("t_ns", "n", "slot", "job_id")} for one in fields]
    return batch.lines, known, batch.bad


@pytest.mark.parametrize("name", ODD_JOBS)
def test_a_whole_read_is_judged_as_its_lines_are_one_by_one(name: str) -> None:
    data = job_line(0) + job_line(1) + ODD_JOBS[name] + job_line(8) + job_line(9)
    at_once, singly = make_reader(), make_reader()
    assert told(at_once.feed(data)) == told(singly.line_by_line(data))
    assert at_once.next_n == singly.next_n == 10


@given(pieces=st.lists(st.sampled_from([JOB, *ODD_JOBS.values()]), max_size=6))
def test_any_mixture_is_judged_as_its_lines_are_one_by_one(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    at_once, singly = make_reader(), make_reader()
    assert told(at_once.feed(data)) == told(singly.line_by_line(data))
    assert at_once.next_n == singly.next_n
