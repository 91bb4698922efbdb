"""Turns the children's bytes into whole, checked lines.

A read may end in the middle of a line, never a write; so a rest without a newline is kept until
the next read. What does not parse is reported and kept out of the history.

Nearly every line starts or completes a job, spelt as our emitters spell it. What one read of a
child brings is decoded and checked in one go as long as it holds only such lines, because at some
20,000 lines a second each call of Python counts; anything else goes line by line, more slowly. No
two children's reads are put together: what a small batch was decoded into is let go of, and its
memory is still in the processor's cache for the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import msgspec

from worker_child.protocol import (
    MAX_LINE_BYTES,
    ChildReady,
    JobCompleted,
    JobDiscarded,
    JobDying,
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
    kind: ClassVar[Literal["child_ready"]] = "child_ready"
    fields: ChildReady


class _StartedLine(_AnyLine, tag="job_started"):
    kind: ClassVar[Literal["job_started"]] = "job_started"
    fields: JobStarted


class _CompletedLine(_AnyLine, tag="job_completed"):
    kind: ClassVar[Literal["job_completed"]] = "job_completed"
    fields: JobCompleted


class _FailedLine(_AnyLine, tag="job_failed"):
    kind: ClassVar[Literal["job_failed"]] = "job_failed"
    fields: JobFailed


class _RetriedLine(_AnyLine, tag="job_retried"):
    kind: ClassVar[Literal["job_retried"]] = "job_retried"
    fields: JobRetried


class _DiscardedLine(_AnyLine, tag="job_discarded"):
    kind: ClassVar[Literal["job_discarded"]] = "job_discarded"
    fields: JobDiscarded


class _DyingLine(_AnyLine, tag="job_dying"):
    kind: ClassVar[Literal["job_dying"]] = "job_dying"
    fields: JobDying


class _EnqueuedLine(_AnyLine, tag="job_enqueued"):
    kind: ClassVar[Literal["job_enqueued"]] = "job_enqueued"
    fields: JobEnqueued


class _NoteLine(_AnyLine, tag="note"):
    kind: ClassVar[Literal["note"]] = "note"
    fields: Note


class _FrequentFields(JobStarted, frozen=True, gc=False, forbid_unknown_fields=True):
    """Fits a job_started and a job_completed, which has no field that the other has not."""


class _FrequentLine(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """One type for the two frequent kinds: to tell types apart the decoder looks twice."""

    run_id: str
    timestamp: str
    kind: Literal["job_started", "job_completed"]
    fields: _FrequentFields


_RareLine = (
    _ReadyLine
    | _StartedLine
    | _CompletedLine
    | _FailedLine
    | _RetriedLine
    | _DiscardedLine
    | _DyingLine
    | _EnqueuedLine
    | _NoteLine
)
Event = _FrequentLine | _RareLine
"""A decoded line of a child: `kind` tells the type of `fields`."""

_FREQUENT_LINES = msgspec.json.Decoder(_FrequentLine)
_ANY_LINE = msgspec.json.Decoder(_RareLine)
_EXCERPT_BYTES = 200
_TOO_LONG = f"longer than {MAX_LINE_BYTES} bytes"


@dataclass(frozen=True)
class BadLine:
    """A line that no event could be made of."""

    why: str
    excerpt: str


@dataclass(slots=True)
class Batch:
    """What one read brought."""

    lines: bytes = b""
    """The good lines, as they came: ready to be appended."""
    events: Sequence[Event] = field(default_factory=list)
    """The same lines, decoded."""
    bad: list[BadLine] = field(default_factory=list)


class EventReader:
    """Cuts and checks the bytes of one incarnation.

    Checked are the form (one object a line with exactly the four keys, UTF-8, not over-long), the
    run, the slot and incarnation; `next_n` is the n that the next line must carry. A gap in n is
    left for the analysis to judge: the line itself is good.
    """

    def __init__(self, run_id: str, slot: int, incarnation: int) -> None:
        self._run_id = run_id
        self._slot = slot
        self._incarnation = incarnation
        self._opening = b'{"run_id":%s,"timestamp":"' % msgspec.json.encode(run_id)
        """What every line of the run begins with, spelt as our emitters spell it."""
        self._signature = b',"slot":%d,"incarnation":%d,"job_id":' % (slot, incarnation)
        """What every frequent line of this child holds once, spelt as our emitters spell it."""
        self._rest = b""
        self._in_overlong = False
        self.next_n = 0

    def feed(self, chunk: bytes) -> Batch:
        """Take in bytes as they were read."""
        whole, bad = self._cut(chunk)
        batch = self._at_one_go(whole)
        if batch is None:
            batch = self.line_by_line(whole)
        batch.bad += bad
        return batch

    def finish(self) -> list[BadLine]:
        """The pipe is at its end: a rest without a newline is a torn line."""
        rest, self._rest = self._rest, b""
        return [_bad("torn: no newline before the end", rest)] if rest else []

    def _cut(self, chunk: bytes) -> tuple[bytes, list[BadLine]]:
        """The whole lines that `chunk` completes, unchecked; what follows them is kept.

        A rest that is over-long already is told as bad, once, and thrown away.
        """
        if self._in_overlong:
            _, newline, chunk = chunk.partition(b"\n")
            if not newline:
                return b"", []
            self._in_overlong = False
        end = chunk.rfind(b"\n") + 1
        whole, rest = chunk[:end], chunk[end:]
        if self._rest:
            whole, rest = (self._rest + whole, rest) if end else (b"", self._rest + rest)
        if len(rest) < MAX_LINE_BYTES:
            self._rest = rest
            return whole, []
        self._rest, self._in_overlong = b"", True
        return whole, [_bad(_TOO_LONG, rest)]

    def _at_one_go(self, data: bytes) -> Batch | None:
        """Decode whole lines as one text; None if a line is not as expected."""
        if not data:
            return Batch()
        try:
            events = _FREQUENT_LINES.decode_lines(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        if not self._all_ours(data, len(events)) or _has_overlong(data):
            return None
        self.next_n = events[-1].fields.n + 1
        return Batch(data, events)

    def _all_ours(self, data: bytes, objects: int) -> bool:
        """Whether each line holds one whole object, begins as ours do and holds our signature.

        The decoder alone would take two objects on one line, or one object on two lines. No string
        can hold the signature, for its quotes would be escaped; nor can a deeper object, for
        `_FrequentFields` takes none. (A key that stands twice could; no emitter writes one.)
        """
        # What is left without the newlines tells their number three times faster than `count`.
        newlines = len(data) - len(data.replace(b"\n", b""))
        starts = data.startswith(self._opening) + data.count(b"\n" + self._opening)
        return newlines == starts == data.count(self._signature) == objects

    def line_by_line(self, data: bytes) -> Batch:
        """Check each of some whole lines by itself."""
        good: list[bytes] = []
        events: list[Event] = []
        bad: list[BadLine] = []
        for text in data.split(b"\n")[:-1]:
            raw = text + b"\n"
            event, why = self._event(raw)
            if event is None:
                bad.append(_bad(why, raw))
            else:
                good.append(raw)
                events.append(event)
        return Batch(b"".join(good), events, bad)

    def _event(self, raw: bytes) -> tuple[Event | None, str]:
        if len(raw) > MAX_LINE_BYTES:
            return None, _TOO_LONG
        try:
            raw.decode()
            event = _ANY_LINE.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return None, str(error)
        fields = event.fields
        if event.run_id != self._run_id:
            return None, f"of another run: {event.run_id}"
        if (fields.slot, fields.incarnation) != (self._slot, self._incarnation):
            return None, f"signed by another child: {fields.slot}:{fields.incarnation}"
        if fields.n is None:
            return None, "without n"
        self.next_n = fields.n + 1
        return event, ""


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
