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


class _AnyLine(msgspec.Struct, tag_field="kind", gc=False, forbid_unknown_fields=True):
    """The four keys of a line, these and no others; `kind` tells the type of `fields`."""

    run_id: str
    timestamp: str


class _ReadyLine(_AnyLine, tag="child_ready"):
    fields: ChildReady


class _StartedLine(_AnyLine, tag="job_started"):
    fields: JobStarted


class _CompletedLine(_AnyLine, tag="job_completed"):
    fields: JobCompleted


class _FailedLine(_AnyLine, tag="job_failed"):
    fields: JobFailed


class _RetriedLine(_AnyLine, tag="job_retried"):
    fields: JobRetried


class _DiscardedLine(_AnyLine, tag="job_discarded"):
    fields: JobDiscarded


class _EnqueuedLine(_AnyLine, tag="job_enqueued"):
    fields: JobEnqueued


class _NoteLine(_AnyLine, tag="note"):
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
_TOO_LONG = f"longer than {MAX_LINE_BYTES} bytes"


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

    Checked are the form (one object a line with exactly the four keys, UTF-8, not over-long), the
    run, the slot and incarnation; `next_n` is the n that the next line must carry.
    """

    def __init__(self, run_id: str, slot: int, incarnation: int) -> None:
        self._run_id = run_id
        self._slot = slot
        self._incarnation = incarnation
        self._decoder = msgspec.json.Decoder(_Line)
        self._opening = b'{"run_id":%s,"timestamp":"' % msgspec.json.encode(run_id)
        self._rest = b""
        self._in_overlong = False
        self.next_n = 0

    def feed(self, chunk: bytes) -> Batch:
        """Take in bytes as they were read."""
        if self._in_overlong:
            _, newline, chunk = chunk.partition(b"\n")
            if not newline:
                return Batch()
            self._in_overlong = False
        data = self._rest + chunk
        end = data.rfind(b"\n") + 1
        batch = self._batch(data[:end])
        self._rest = data[end:]
        if len(self._rest) >= MAX_LINE_BYTES:
            batch.bad.append(_bad(_TOO_LONG, self._rest))
            self._rest, self._in_overlong = b"", True
        return batch

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
        if not self._one_a_line(data, len(lines)):
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
        self.next_n = expected
        return Batch(data, events)

    def _one_a_line(self, data: bytes, count: int) -> bool:
        """Whether each line begins as ours do, holds one object, plain ASCII, and is not over-long.

        The decoder alone would take two objects on one line, or one object on two lines.
        """
        return (
            data.count(b"\n") == count
            and data.startswith(self._opening)
            and data.count(b"\n" + self._opening) == count - 1
            and data.isascii()
            and not _has_overlong(data)
        )

    def _line_by_line(self, data: bytes) -> Batch:
        batch = Batch()
        good: list[bytes] = []
        for text in data.split(b"\n")[:-1]:
            raw = text + b"\n"
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
            return None, _TOO_LONG
        try:
            raw.decode()
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
    """Whether somewhere a whole `MAX_LINE_BYTES` hold no newline; looks at few bytes of `data`."""
    begin = 0
    while begin < len(data):
        newline = data.rfind(b"\n", begin, begin + MAX_LINE_BYTES)
        if newline < 0:
            return True
        begin = newline + 1
    return False


def _bad(why: str, raw: bytes) -> BadLine:
    return BadLine(why, raw[:_EXCERPT_BYTES].decode("utf-8", "backslashreplace"))
