"""A child's commands: the init line, stop, and what happens when the parent is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import msgspec
import pytest

from worker_child.lifeline import (
    EXIT_BAD_INPUT,
    EXIT_PARENT_GONE,
    PARENT_PID_VARIABLE,
    CommandStream,
)
from worker_child.protocol import ClockAnchor, Init

INIT = Init(
    protocol=2,
    run_id="run",
    role="worker",
    slot=0,
    incarnation=0,
    library="pgqueuer",
    settings={"a": 1},
    dsn="host=nowhere",
    application_name="cb:x:0:0",
    concurrency=2,
    pool_size=1,
    max_attempts=1,
    kinds=("entity_update",),
    effects=True,
    event_fd=3,
    clock_anchor=ClockAnchor(1, 2),
)
LINE = msgspec.json.encode(INIT) + b"\n"

WATCH = """
import threading
from worker_child.lifeline import CommandStream
commands = CommandStream()
commands.init()
print("init", flush=True)
stopped = threading.Event()
commands.watch(stopped.set)
stopped.wait(30)
print("stop", flush=True)
threading.Event().wait(30)
"""


@pytest.fixture
def stdin() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


def start(program: str, group: int | None = None, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
        process_group=group,
    )


def test_the_init_is_read_however_the_pipe_cuts_it(stdin: tuple[int, int]) -> None:
    reading, writing = stdin
    os.write(writing, LINE[:40])
    rest = threading.Timer(0.05, os.write, (writing, LINE[40:]))
    rest.start()
    assert CommandStream(reading).init() == INIT
    rest.join()


@pytest.mark.parametrize(
    "line", [LINE.replace(b'"protocol":2', b'"protocol":"x"'), LINE.replace(b"dsn", b"DSN")]
)
def test_an_init_that_is_none_is_refused(stdin: tuple[int, int], line: bytes) -> None:
    reading, writing = stdin
    os.write(writing, line)
    with pytest.raises(msgspec.ValidationError):
        CommandStream(reading).init()


def test_a_stop_is_heard_and_the_end_of_stdin_ends_the_process_at_once() -> None:
    child = start(WATCH)
    assert child.stdin is not None
    assert child.stdout is not None
    with child:
        child.stdin.write(LINE + b'{"command":"stop"}\n')
        child.stdin.flush()
        assert [child.stdout.readline() for _ in range(2)] == [b"init\n", b"stop\n"]
        child.stdin.close()
        assert child.wait(10) == EXIT_PARENT_GONE


def test_a_child_that_is_told_to_die_kills_its_own_process_group() -> None:
    child = start(WATCH, 0)
    child.communicate(LINE + b'{"command":"die"}\n', timeout=10)
    assert child.returncode == -signal.SIGKILL


def test_a_parent_that_is_gone_before_the_init_ends_the_process() -> None:
    child = start(WATCH)
    output, _ = child.communicate(b"", timeout=10)
    assert (child.returncode, output) == (EXIT_PARENT_GONE, b"")


def test_a_child_whose_parent_is_another_than_it_was_told_leaves() -> None:
    program = "from worker_child.lifeline import die_with_parent; die_with_parent(); print('on')"
    orphan = start(program, None, **{PARENT_PID_VARIABLE: "1"})
    output, _ = orphan.communicate(timeout=10)
    assert (orphan.returncode, output) == (EXIT_PARENT_GONE, b"")
    ours = start(program, None, **{PARENT_PID_VARIABLE: str(os.getpid())})
    output, _ = ours.communicate(timeout=10)
    assert (ours.returncode, output) == (0, b"on\n")


def test_a_worker_without_an_init_says_so_and_leaves_with_its_own_code() -> None:
    worker = start("from worker_child.__main__ import main; main()")
    _, told = worker.communicate(b'{"hello":"world"}\n', timeout=10)
    assert worker.returncode == EXIT_BAD_INPUT
    assert told.startswith(b"the first line on stdin is no init: ")


def test_a_worker_that_is_handed_no_json_says_so_too() -> None:
    worker = start("from worker_child.__main__ import main; main()")
    _, told = worker.communicate(b"hello\n", timeout=10)
    assert worker.returncode == EXIT_BAD_INPUT
    assert b"Traceback" not in told
