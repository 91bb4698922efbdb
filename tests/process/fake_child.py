"""A worker without a queue: it does what its argument says, and speaks the wire of a real one.

`BEHAVIOURS` lists what it can do. What it tells of itself stands in ``child_ready``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from worker_child.emitter import Emitter
from worker_child.lifeline import CommandStream, die_with_parent
from worker_child.protocol import Init


def _speaker(init: Init) -> Emitter:
    return Emitter(
        init.event_fd,
        run_id=init.run_id,
        slot=init.slot,
        incarnation=init.incarnation,
        clock_anchor=init.clock_anchor,
    )


def _ready(emitter: Emitter, **effective: Any) -> None:
    fields = {"pid": os.getpid(), "identity": f"me-{os.getpid()}", "effective": effective}
    emitter.emit("child_ready", fields)


def _until_stopped(commands: CommandStream) -> None:
    stopped = threading.Event()
    commands.watch(stopped.set)
    stopped.wait()


def _works(commands: CommandStream, init: Init) -> None:
    emitter = _speaker(init)
    _ready(emitter)
    emitter.emit("job_started", {"job_id": "j000000", "execution": 1})
    emitter.emit("job_completed", {"job_id": "j000000", "execution": 1})
    emitter.emit("job_started", {"job_id": "j000001", "execution": 2})
    sys.stdout.write("a stray print\n")
    _until_stopped(commands)


def _never_ready(commands: CommandStream, _init: Init) -> None:
    sys.stderr.write("still looking for the queue\n")
    sys.stderr.flush()
    _until_stopped(commands)


def _dies_at_start(_commands: CommandStream, _init: Init) -> None:
    sys.stderr.write("there is no queue here\n")
    sys.exit(3)


def _dies_later(_commands: CommandStream, init: Init) -> None:
    _ready(_speaker(init))
    raise RuntimeError("the queue has gone")


def _dies_in_our_code(_commands: CommandStream, init: Init) -> None:
    emitter = _speaker(init)
    _ready(emitter)
    emitter.emit("note", {"code": "x" * 5000})


def _writes_garbage(commands: CommandStream, init: Init) -> None:
    emitter = _speaker(init)
    _ready(emitter)
    os.write(init.event_fd, b"Warning: something\n" + b"x" * 5000 + b"\n")
    emitter.emit("note", {"code": "after"})
    _until_stopped(commands)


def _chatters(_commands: CommandStream, init: Init) -> None:
    emitter = _speaker(init)
    _ready(emitter)
    while True:
        emitter.emit("note", {"code": "chatter"})
        time.sleep(0.001)


def _is_ahead_of_time(commands: CommandStream, init: Init) -> None:
    emitter = _speaker(init)
    emitter._clock_ns = lambda: time.monotonic_ns() + 60_000_000_000
    _ready(emitter)
    _until_stopped(commands)


def _has_a_child(commands: CommandStream, init: Init) -> None:
    _ready(_speaker(init), grandchild=_fork(init))
    _until_stopped(commands)


def _has_a_fled_child(commands: CommandStream, init: Init) -> None:
    _ready(_speaker(init), grandchild=_fork(init, flees=True))
    _until_stopped(commands)


def _leaves_its_pipe_to_a_fled_child(commands: CommandStream, init: Init) -> None:
    _ready(_speaker(init), grandchild=_fork(init, flees=True, keeps_pipe=True))
    _until_stopped(commands)


def _has_a_fled_child_without_a_mark(commands: CommandStream, init: Init) -> None:
    """Its environment is empty, so that nothing in it tells whose it is."""
    sleep = ["/bin/sleep", "600"]
    grandchild = subprocess.Popen(sleep, env={}, start_new_session=True)
    _ready(_speaker(init), grandchild=grandchild.pid)
    _until_stopped(commands)


def _is_deaf(_commands: CommandStream, init: Init) -> None:
    """Tied by PR_SET_PDEATHSIG alone: it never looks at stdin again."""
    _ready(_speaker(init))
    signal.pause()


def _fork(init: Init, *, flees: bool = False, keeps_pipe: bool = False) -> int:
    """Start a grandchild that sleeps for ever; it has fled when this returns."""
    settled, settle = os.pipe()
    grandchild = os.fork()
    if grandchild == 0:
        if flees:
            os.setsid()
        if not keeps_pipe:
            os.close(init.event_fd)
        os.write(settle, b"!")
        signal.pause()
        os._exit(0)
    os.read(settled, 1)
    return grandchild


BEHAVIOURS: dict[str, Callable[[CommandStream, Init], None]] = {
    "works": _works,
    "never_ready": _never_ready,
    "dies_at_start": _dies_at_start,
    "dies_later": _dies_later,
    "dies_in_our_code": _dies_in_our_code,
    "writes_garbage": _writes_garbage,
    "chatters": _chatters,
    "is_ahead_of_time": _is_ahead_of_time,
    "has_a_child": _has_a_child,
    "has_a_fled_child": _has_a_fled_child,
    "leaves_its_pipe_to_a_fled_child": _leaves_its_pipe_to_a_fled_child,
    "has_a_fled_child_without_a_mark": _has_a_fled_child_without_a_mark,
    "is_deaf": _is_deaf,
    "listens_only": _works,
}


if __name__ == "__main__":
    behaviour = sys.argv[1]
    if behaviour != "listens_only":
        die_with_parent()
    given = CommandStream()
    BEHAVIOURS[behaviour](given, given.init())
