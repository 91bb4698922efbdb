"""The engine of lanes: several runs side by side on one server of this machine."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import IO, Self

import msgspec

from orchestrator.commands.engine.engine import Block, Ends, Listener
from orchestrator.commands.engine.lane import MODULE, Answer, lane_order_of
from orchestrator.errors import InternalError, Interrupted
from orchestrator.processes.death_signal import tethered
from orchestrator.run.request import DSN_VARIABLE, Request
from orchestrator.run.subprocess_run import Ended, IsInterrupted, longest_s
from worker_child.paths import OUR_PYTHON

_END_LIMIT_S = 30.0
_LOOK_EVERY_S = 1.0
_TAIL_BYTES = 4000


class _Lane:
    """One process, and the run that it is at."""

    def __init__(self, dsn: str) -> None:
        self.said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - `end` closes it
        self.process = subprocess.Popen(
            tethered(
                [*OUR_PYTHON, "-m", MODULE],
                signal.SIGKILL,
                None,
            ),
            env={**os.environ, DSN_VARIABLE: dsn},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.said,
            start_new_session=True,
        )
        self.request: Request | None = None
        self.begun_s = 0.0
        self.limit_s = 0.0

    def order(self, request: Request) -> None:
        """Hand it a run. Raises `InternalError` where it is no more."""
        assert self.request is None
        assert self.process.stdin is not None
        self.request, self.begun_s = request, time.monotonic()
        self.limit_s = longest_s(request.scenario)
        try:
            self.process.stdin.write(msgspec.json.encode(lane_order_of(request)) + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self._died() from None

    def take(self) -> tuple[Request, Ended]:
        """What came of its run; waits for the rest of the line alone. Raises `InternalError`."""
        assert self.request is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise self._died()
        answer = msgspec.json.decode(line, type=Answer)
        ended = _ended(answer, time.monotonic() - self.begun_s)
        request, self.request = self.request, None
        return request, ended

    def check(self) -> float:
        """How long its run has gone on, seconds; 0 = it has none.

        Raises `InternalError` when that has used up every limit that it has.
        """
        if self.request is None:
            return 0.0
        elapsed_s = time.monotonic() - self.begun_s
        if elapsed_s > self.limit_s:
            raise InternalError(
                f"{self.request.run_id} did not end within {self.limit_s:.0f} s. {self._tail()}"
            )
        return elapsed_s

    def ask_to_end(self) -> None:
        """By the end of its orders, or in the middle of a run by SIGTERM."""
        assert self.process.stdin is not None
        if self.request is not None:
            self.process.terminate()
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            return  # it has ended already

    def end(self) -> None:
        """Wait for its end, or make it."""
        try:
            self.process.wait(_END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.said.close()

    def _died(self) -> InternalError:
        assert self.request is not None
        return InternalError(f"a lane of runs died at {self.request.run_id}. {self._tail()}")

    def _tail(self) -> str:
        size = self.said.seek(0, os.SEEK_END)
        self.said.seek(max(0, size - _TAIL_BYTES))
        return "It wrote last:\n" + self.said.read().decode("utf-8", "backslashreplace").strip()


def _ended(answer: Answer, took_s: float) -> Ended:
    failed = answer.error is not None
    return Ended(answer.exit_code, answer.error or "", took_s, no_verdict=failed)


class LanesEngine:
    """So many lanes on one server; a context manager, to be used in the main thread.

    For runs whose times are not measured: see `Engine`. A block's runs may go on side by side.
    """

    def __init__(self, count: int, dsn: str) -> None:
        self._dsn = dsn
        self._count = count
        self._lanes: list[_Lane] = []

    def machines(self) -> int:
        """The lanes."""
        return self._count

    def carry_out(
        self, blocks: Sequence[Block], listener: Listener, interrupted: IsInterrupted
    ) -> Ends:
        """See `Engine`. Raises `InternalError` when a lane dies or hangs."""
        left = deque(request for block in blocks for request in block)
        with selectors.DefaultSelector() as selector:
            for lane in self._some(len(left)):
                assert lane.process.stdout is not None
                selector.register(lane.process.stdout, selectors.EVENT_READ, lane)
                self._begin(lane, left.popleft(), listener)
            busy = len(selector.get_map())
            while busy:
                for key, _ in selector.select(_LOOK_EVERY_S):
                    lane = key.data
                    yield lane.take()
                    if left:
                        self._begin(lane, left.popleft(), listener)
                    else:
                        selector.unregister(key.fileobj)
                        busy -= 1
                if interrupted():
                    raise Interrupted
                listener.tick(max(lane.check() for lane in self._lanes))

    def _begin(self, lane: _Lane, request: Request, listener: Listener) -> None:
        listener.begun(request, "")
        lane.order(request)

    def _some(self, wanted: int) -> list[_Lane]:
        """As many as there is work for; those that there are not yet are started."""
        wanted = min(wanted, self._count)
        while len(self._lanes) < wanted:
            self._lanes.append(_Lane(self._dsn))
        return self._lanes[:wanted]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for lane in self._lanes:
            lane.ask_to_end()
        for lane in self._lanes:
            lane.end()
