"""A fleet of talkers without a database, and the cheapest reader that could stand in its place."""

from __future__ import annotations

import os
import selectors
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import msgspec

from orchestrator.history.recorder import Recorder
from orchestrator.processes.janitor import Janitor
from orchestrator.workers.child import _READ_BYTES, ChildHandle
from orchestrator.workers.fleet import PROMPT_REST_S, Fleet
from orchestrator.workers.spawner import Spawner
from orchestrator.workers.tracker import Tracker
from tests.benchmarks import chatter
from tests.benchmarks.chatter import Talk
from worker_child.names import session_name
from worker_child.protocol import PROTOCOL_VERSION, Init

RUN_ID = "bench-talkers-none-001"
READY_LIMIT_S = 30.0
PYTHON: Sequence[str] = (sys.executable, chatter.__file__)
"""How the talker in Python is started; one of another language understands the same orders."""
_TICK_S = 0.05


@contextmanager
def talkers(folder: Path, slots: int, talk: Talk, argv: Sequence[str] = PYTHON) -> Iterator[Fleet]:
    """A real fleet with a real recorder; at the end whoever still lives is killed."""
    recorder = Recorder(folder / "history.jsonl", RUN_ID)

    def orders(slot: int, incarnation: int) -> Init:
        return Init(
            protocol=PROTOCOL_VERSION,
            run_id=RUN_ID,
            role="worker",
            slot=slot,
            incarnation=incarnation,
            library="none",
            settings=msgspec.to_builtins(talk),
            dsn="",
            application_name=session_name(RUN_ID, slot, incarnation),
            concurrency=1,
            pool_size=1,
            max_attempts=1,
            kinds=(),
            effects=False,
            event_fd=-1,
            clock_anchor=recorder.clock_anchor,
        )

    with Janitor() as janitor:
        spawner = Spawner(folder, mark=f"{RUN_ID}:{janitor.pid}")
        fleet = Fleet(
            spawner, orders, list(argv), recorder, Tracker(), janitor, ready_s=READY_LIMIT_S
        )
        try:
            for slot in range(slots):
                fleet.spawn(slot)
            yield fleet
        finally:
            for child in fleet.living():
                fleet.kill(child, None)
            until(lambda: not fleet.unfinished(), fleet.wait, "the talkers to be gone")
            fleet.close()
            recorder.close()


class RawReader:
    """The floor of a parent's reader: the same loop, the bytes appended unread."""

    def __init__(self, path: Path, children: Iterable[ChildHandle]) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._selector = selectors.DefaultSelector()
        self._open = 0
        for child in children:
            self._selector.register(child, selectors.EVENT_READ)
            self._open += 1
        self.bytes_read = 0

    @property
    def ended(self) -> bool:
        """Whether every pipe was read to its end."""
        return not self._open

    def wait(self, timeout_s: float) -> None:
        """Wait for bytes, at most so long; read and append them."""
        ready = self._selector.select(timeout_s)
        if ready:
            time.sleep(PROMPT_REST_S)
        for key, _ in ready:
            chunk = os.read(key.fd, _READ_BYTES)
            if chunk:
                self.bytes_read += os.write(self._descriptor, chunk)
            else:
                self._selector.unregister(key.fileobj)
                self._open -= 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        os.close(self._descriptor)


def until(
    done: Callable[[], bool],
    wait: Callable[[float], None],
    what: str,
    limit_s: float = READY_LIMIT_S,
) -> None:
    """Call `wait` until `done`; raises TimeoutError that says what was waited for."""
    give_up_ns = time.monotonic_ns() + round(limit_s * 1e9)
    while not done():
        if time.monotonic_ns() > give_up_ns:
            raise TimeoutError(f"waited {limit_s:g} s in vain for {what}")
        wait(_TICK_S)
