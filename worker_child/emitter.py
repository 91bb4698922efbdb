"""Writes events: one event, one line, one ``write(2)``.

No buffer stands between the event and the pipe, so a SIGKILL loses nothing that had been written
and a line is there whole or not at all (pipe(7): writes of at most PIPE_BUF bytes are atomic).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from json.encoder import encode_basestring
from typing import Any

import orjson

from worker_child.lifeline import EXIT_PARENT_GONE
from worker_child.protocol import MAX_LINE_BYTES, ClockAnchor

_NS_PER_S = 1_000_000_000
_SIX_DIGITS = 100_000
"""The least number that has them."""


class LineTooLongError(ValueError):
    """An event would not fit into one atomic write."""


def about_execution(job_id: str, execution: int, inbox_id: str | None) -> str:
    """What the events of one execution share, as `Emitter.tell` takes it: made once for all."""
    inbox = "" if inbox_id is None else f',"inbox_id":{encode_basestring(inbox_id)}'
    return f',"job_id":{encode_basestring(job_id)},"execution":{execution}{inbox}'


class Emitter:
    """The one voice of a child. Safe to call from any thread.

    The stamp is taken under the same lock as the write, so t_ns never decreases with n.
    """

    def __init__(
        self,
        descriptor: int,
        *,
        run_id: str,
        slot: int,
        incarnation: int,
        clock_anchor: ClockAnchor,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._descriptor = descriptor
        self._run_id = orjson.dumps(run_id).decode()
        self._signature = f',"slot":{slot},"incarnation":{incarnation}'
        self._wall_offset_ns = clock_anchor.wall_ns - clock_anchor.monotonic_ns
        self._clock_ns = clock_ns
        lock = threading.Lock()
        self._acquire, self._release = lock.acquire, lock.release
        self._n = 0
        self._second_ns = 0
        self._head = ""
        self._begin_second(clock_anchor.monotonic_ns)

    def emit(self, kind: str, fields: dict[str, Any]) -> None:
        """Write one event; `fields` are those of its type without t_ns, n, slot, incarnation.

        Raises `LineTooLongError` above 4,096 bytes. Leaves the process when nobody reads any more.
        """
        self.tell(kind, f",{orjson.dumps(fields)[1:-1].decode()}" if fields else "")

    def tell(self, kind: str, told: str) -> None:
        """Write one event whose fields are JSON already, each key with a comma before it.

        Raises and leaves like `emit`.
        """
        # This runs for every event. Acquire and release are cheaper than a `with`, an f-string is
        # cheaper than a template of bytes, and a number without a width than one with.
        self._acquire()
        try:
            t_ns = self._clock_ns()
            since_ns = t_ns - self._second_ns
            if not 0 <= since_ns < _NS_PER_S:
                self._begin_second(t_ns)
                since_ns = t_ns - self._second_ns
            since_us = since_ns // 1000
            six_digits = since_us if since_us >= _SIX_DIGITS else f"{since_us:06d}"
            line = (
                f'{self._head}{six_digits}Z","kind":"{kind}","fields":{{"t_ns":{t_ns},"n":{self._n}'
                f"{self._signature}{told}}}}}\n"
            ).encode()
            if len(line) > MAX_LINE_BYTES:
                raise LineTooLongError(
                    f"a {kind} event of {len(line)} bytes arrived; the wire takes at most "
                    f"{MAX_LINE_BYTES}, the size of an atomic write: shorten its texts"
                )
            try:
                os.write(self._descriptor, line)
            except BrokenPipeError:
                os._exit(EXIT_PARENT_GONE)
            self._n += 1
        finally:
            self._release()

    def _begin_second(self, t_ns: int) -> None:
        """Make the part of the line that stays the same for a second of the wall clock."""
        second = (t_ns + self._wall_offset_ns) // _NS_PER_S
        self._second_ns = second * _NS_PER_S - self._wall_offset_ns
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        self._head = f'{{"run_id":{self._run_id},"timestamp":"{text}.'
