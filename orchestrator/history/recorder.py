"""The only writer of a history: appends lines, unbuffered, and keeps them on disk.

A child's lines are appended byte for byte as they came; the parent's own lines are made here from
their types. A SIGKILL of the parent loses nothing that was appended: every append is one write(2)
on a descriptor opened with O_APPEND, and nothing is held back in the process.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from orchestrator.errors import RecorderError
from orchestrator.history.records import KIND_OF, ClockAnchorRecord, HistoryRecord
from worker_child.protocol import ClockAnchor, Note

_NS_PER_S = 1_000_000_000
_OPEN_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
_WALL_STEP_NS = 1_000_000
"""An anchor that moved by more than this is a step of the wall clock."""


def take_anchor(
    monotonic_ns: Callable[[], int] = time.monotonic_ns,
    wall_ns: Callable[[], int] = time.time_ns,
) -> ClockAnchorRecord:
    """Read the wall clock between two reads of the monotonic one; t_ns is their middle."""
    before = monotonic_ns()
    wall = wall_ns()
    after = monotonic_ns()
    return ClockAnchorRecord(t_ns=(before + after) // 2, wall_ns=wall, bracket_ns=after - before)


_SHORTEST_SECRET = 4
_BLOT = b"***"


class Recorder:
    """Appends to one file. Safe to call from any thread.

    Every method that writes raises `RecorderError` when the file system refuses. `secret` (a
    password) is blotted out wherever it would be written, whoever would have told it.
    """

    def __init__(self, path: Path, run_id: str, *, secret: str | None = None) -> None:
        self.path = path
        self._run_id = run_id
        self._encoder = msgspec.json.Encoder()
        self._secrets = _spellings(secret)
        self._lock = threading.Lock()
        self._anchor = take_anchor()
        self.bytes_written = 0
        try:
            self._descriptor = os.open(path, _OPEN_FLAGS, 0o644)
        except OSError as error:
            raise RecorderError(path, error) from error

    @property
    def clock_anchor(self) -> ClockAnchor:
        """The anchor from which children make their timestamps."""
        return ClockAnchor(monotonic_ns=self._anchor.t_ns, wall_ns=self._anchor.wall_ns)

    def record(self, record: HistoryRecord) -> None:
        """Append one line of the parent's own."""
        self._write(self._line(record))

    def record_all(self, records: list[HistoryRecord]) -> None:
        """Append several lines of the parent's own in one go."""
        if records:
            self._write(b"".join([self._line(record) for record in records]))

    def append(self, lines: bytes) -> None:
        """Append whole lines that a child wrote, untouched but for a secret."""
        self._write(lines)

    def anchor(self) -> None:
        """Log where the two clocks stand; a step of the wall clock gets a note of its own."""
        anchor = take_anchor()
        moved_ns = (anchor.wall_ns - anchor.t_ns) - (self._anchor.wall_ns - self._anchor.t_ns)
        self.record(anchor)
        if abs(moved_ns) > _WALL_STEP_NS:
            message = f"the wall clock stepped by {moved_ns / 1e6:.3f} ms against the monotonic one"
            self.record(Note(t_ns=anchor.t_ns, code="wall_clock_step", message=message))
            self._anchor = anchor

    def sync(self) -> None:
        """Bring everything appended so far to the disk (fdatasync)."""
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            raise RecorderError(self.path, error) from error

    def close(self) -> None:
        """Sync and close."""
        try:
            self.sync()
        finally:
            os.close(self._descriptor)

    def _line(self, record: HistoryRecord) -> bytes:
        return b'{"run_id":%s,"timestamp":"%s","kind":"%s","fields":%s}\n' % (
            self._encoder.encode(self._run_id),
            self._timestamp(record.t_ns),
            KIND_OF[type(record)].encode(),
            self._encoder.encode(record),
        )

    def _timestamp(self, t_ns: int) -> bytes:
        second, rest_ns = divmod(t_ns + self._anchor.wall_ns - self._anchor.t_ns, _NS_PER_S)
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{text}.{rest_ns // 1000:06d}Z".encode()

    def _write(self, data: bytes) -> None:
        for secret in self._secrets:
            data = data.replace(secret, _BLOT)
        with self._lock:
            rest = memoryview(data)
            try:
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError as error:
                self._cut_torn_line(data[: len(data) - len(rest)])
                raise RecorderError(self.path, error) from error
            self.bytes_written += len(data)

    def _cut_torn_line(self, written: bytes) -> None:
        """Keep the whole lines of a write that failed half-way: a later line may still fit."""
        self.bytes_written += written.rfind(b"\n") + 1
        # Where even this is refused, a torn last line stays, which every reader must take.
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, self.bytes_written)


def _spellings(secret: str | None) -> list[bytes]:
    """How a secret may stand in a line of JSON. One of a few letters could be part of any word."""
    if secret is None or len(secret) < _SHORTEST_SECRET:
        return []
    return [secret.encode(), msgspec.json.encode(secret)[1:-1]]
