"""Turns a child's bytes into whole, checked lines.

A read may end in the middle of a line, never a write; so a rest without a newline is kept until
the next read. What does not parse is reported and kept out of the history.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from worker_child.protocol import (
    MAX_LINE_BYTES,
    ChildEvent,
    ChildReady,
    JobCompleted,
    JobDiscarded,
    JobEnqueued,
    JobFailed,
    JobRetried,
    JobStarted,
    Note,
)


class _ReadyLine(msgspec.Struct, tag_field="kind", tag="child_ready", gc=False):
    run_id: str
    fields: ChildReady


class _StartedLine(msgspec.Struct, tag_field="kind", tag="job_started", gc=False):
    run_id: str
    fields: JobStarted


class _CompletedLine(msgspec.Struct, tag_field="kind", tag="job_completed", gc=False):
    run_id: str
    fields: JobCompleted


class _FailedLine(msgspec.Struct, tag_field="kind", tag="job_failed", gc=False):
    run_id: str
    fields: JobFailed


class _RetriedLine(msgspec.Struct, tag_field="kind", tag="job_retried", gc=False):
    run_id: str
    fields: JobRetried


class _DiscardedLine(msgspec.Struct, tag_field="kind", tag="job_discarded", gc=False):
    run_id: str
    fields: JobDiscarded


class _EnqueuedLine(msgspec.Struct, tag_field="kind", tag="job_enqueued", gc=False):
    run_id: str
    fields: JobEnqueued


class _NoteLine(msgspec.Struct, tag_field="kind", tag="note", gc=False):
    run_id: str
    fields: Note


_Line = (
    _ReadyLine
    | _StartedLine
    | _CompletedLine
    | _FailedLine
    | _RetriedLine
    | _DiscardedLine
    | _EnqueuedLine
    | _NoteLine
)

_EXCERPT_BYTES = 200


@dataclass(frozen=True)
class BadLine:
    """A line that no event could be made of."""

    why: str
    excerpt: str


@dataclass
class Batch:
    """What one read brought."""

    lines: bytes = b""
    """The good lines, as they came: ready to be appended."""
    events: list[ChildEvent] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)


class EventReader:
    """Cuts and checks the bytes of one incarnation.

    Checked are the form, the run, the slot and incarnation, and that n counts up from 0 without a
    gap; `next_n` is the n that the next line must carry.
    """

    def __init__(self, run_id: str, slot: int, incarnation: int) -> None:
        self._run_id = run_id
        self._slot = slot
        self._incarnation = incarnation
        self._decoder = msgspec.json.Decoder(_Line)
        self._rest = b""
        self.next_n = 0

    def feed(self, chunk: bytes) -> Batch:
        """Take in bytes as they were read."""
        data = self._rest + chunk
        end = data.rfind(b"\n") + 1
        self._rest = data[end:]
        if len(self._rest) > MAX_LINE_BYTES:
            self._rest, overlong = b"", self._rest
            batch = self._batch(data[:end])
            batch.bad.append(_bad(f"longer than {MAX_LINE_BYTES} bytes", overlong))
            return batch
        return self._batch(data[:end])

    def finish(self) -> list[BadLine]:
        """The pipe is at its end: a rest without a newline is a torn line."""
        rest, self._rest = self._rest, b""
        return [_bad("torn: no newline before the end", rest)] if rest else []

    def _batch(self, data: bytes) -> Batch:
        if not data:
            return Batch()
        try:
            lines = self._decoder.decode_lines(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._line_by_line(data)
        events: list[ChildEvent] = []
        expected = self.next_n
        for line in lines:
            fields = line.fields
            if (
                fields.n != expected
                or fields.incarnation != self._incarnation
                or fields.slot != self._slot
                or line.run_id != self._run_id
            ):
                return self._line_by_line(data)
            expected += 1
            events.append(fields)
        if len(data) > MAX_LINE_BYTES and _has_overlong(data):
            return self._line_by_line(data)
        self.next_n = expected
        return Batch(data, events)

    def _line_by_line(self, data: bytes) -> Batch:
        batch = Batch()
        good: list[bytes] = []
        for raw in data.splitlines(keepends=True):
            event, why = self._event(raw)
            if event is None:
                batch.bad.append(_bad(why, raw))
            else:
                good.append(raw)
                batch.events.append(event)
        batch.lines = b"".join(good)
        return batch

    def _event(self, raw: bytes) -> tuple[ChildEvent | None, str]:
        if len(raw) > MAX_LINE_BYTES:
            return None, f"longer than {MAX_LINE_BYTES} bytes"
        try:
            line = self._decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return None, str(error)
        fields = line.fields
        if line.run_id != self._run_id:
            return None, f"of another run: {line.run_id}"
        if (fields.slot, fields.incarnation) != (self._slot, self._incarnation):
            return None, f"signed by another child: {fields.slot}:{fields.incarnation}"
        if fields.n is None:
            return None, "without n"
        # A gap is left for the analysis to judge: the line itself is good.
        self.next_n = fields.n + 1
        return fields, ""


def _has_overlong(data: bytes) -> bool:
    return any(len(line) > MAX_LINE_BYTES for line in data.splitlines(keepends=True))


def _bad(why: str, raw: bytes) -> BadLine:
    return BadLine(why, raw[:_EXCERPT_BYTES].decode("utf-8", "backslashreplace"))
