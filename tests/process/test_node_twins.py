"""The Node twins of emitter, body and lifeline: their own tests, and real children of theirs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from orchestrator.processes import linux
from orchestrator.workers.child import ChildHandle
from orchestrator.workers.event_reader import EventReader
from orchestrator.workers.spawner import Spawner
from tests.process.fake_argv import RUN_ID, make_init
from tests.toolchain import skip_or_fail
from worker_child.lifeline import EXIT_BAD_INPUT, EXIT_PARENT_GONE, PARENT_PID_VARIABLE
from worker_child.protocol import ChildEvent, ChildReady, Init

LIMIT_S = 20.0
MINIMUM = 20
Argv = Callable[[str], list[str]]
ROOT = Path(__file__).resolve().parents[2]
NODE = ROOT / "worker_child" / "lang" / "node"
CHILDREN = Path(__file__).with_name("node_children")


def missing() -> str | None:
    """What keeps these tests from running, for a person; None = nothing."""
    if shutil.which("setpriv") is None:
        return "there is no setpriv: install util-linux"
    node = shutil.which("node")
    if node is None:
        return f"there is no node: install Node.js {MINIMUM} or newer"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    if int(version.stdout.removeprefix("v").split(".")[0]) < MINIMUM:
        return f"node is {version.stdout.strip()}: install Node.js {MINIMUM} or newer"
    return None


@pytest.fixture(scope="module", autouse=True)
def _toolchain() -> None:
    why = missing()
    if why is not None:
        skip_or_fail(f"the Node twins are not tested: {why}")


@pytest.fixture
def argv(tmp_path: Path) -> Argv:
    """The command of a fake child, laid out as a build lays out an adapter."""

    def laid_out(child: str) -> list[str]:
        folder = tmp_path / f"{child} built"
        folder.mkdir(exist_ok=True)
        for name, source in {
            "worker": NODE / "worker",
            "child": NODE / "child",
            "main.mjs": CHILDREN / f"{child}.mjs",
        }.items():
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(source)
        return [str(folder / "worker")]

    return laid_out


def without_setpriv(child: str) -> list[str]:
    """The same child, tied to its parent by stdin alone."""
    return ["node", str(NODE / "child" / "launch.cjs"), str(CHILDREN / f"{child}.mjs")]


def alive(pid: int) -> bool:
    process = linux.read(pid)
    return process is not None and process.alive


def wait_for(what: str, condition: Callable[[], object], limit_s: float = LIMIT_S) -> None:
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {limit_s:g} s: {what}"
        time.sleep(0.01)


class Nursery:
    """Spawns Node children with the real spawner, and keeps what they say."""

    def __init__(self, logs: Path) -> None:
        self._spawner = Spawner(logs, mark="test")
        self._spawned: list[ChildHandle] = []

    def spawn(self, command: Sequence[str], init: Init | None = None) -> ChildHandle:
        self._spawned.append(self._spawner.spawn(init or make_init(0, 0), command))
        return self._spawned[-1]

    def events(self, child: ChildHandle, count: int) -> list[ChildEvent]:
        """The fields of its first `count` events."""
        heard: list[ChildEvent] = []

        def enough() -> bool:
            batch = child.reader.feed(child.read())
            assert not batch.bad
            heard.extend(event.fields for event in batch.events)
            return len(heard) >= count

        wait_for(f"{count} events", enough)
        return heard

    def ready(self, child: ChildHandle) -> ChildReady:
        (ready, *_) = self.events(child, 1)
        assert isinstance(ready, ChildReady)
        return ready

    def close(self) -> None:
        for child in self._spawned:
            if child.exit is None:
                child.kill()
            wait_for("the reaping", child.reap)
            child.close()


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    made = Nursery(tmp_path)
    yield made
    made.close()


def test_the_twins_pass_their_own_tests() -> None:
    command = [*without_setpriv("works")[:1], "--test", "test/"]
    done = subprocess.run(command, cwd=NODE, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_node_child_speaks_on_the_clock_of_the_parent(argv: Argv, nursery: Nursery) -> None:
    child = nursery.spawn(argv("works"))
    stamps = [event.t_ns for event in nursery.events(child, 4)]
    assert stamps == sorted(stamps)
    assert child.spawned_ns < stamps[0]
    assert stamps[-1] < time.monotonic_ns()


def test_a_node_child_that_is_asked_to_stop_leaves_in_good_order(
    argv: Argv, nursery: Nursery, tmp_path: Path
) -> None:
    child = nursery.spawn(argv("works"))
    assert [type(event).__name__ for event in nursery.events(child, 4)] == [
        "ChildReady",
        "JobStarted",
        "JobCompleted",
        "JobStarted",
    ]
    child.send(b'{"command":"stop"}\n')
    wait_for("its end", child.reap)
    assert child.exit is not None
    assert child.exit.exit_code == 0
    assert (tmp_path / "slot0-incarnation0.stdout").read_text() == "a stray print\n"


def test_a_node_child_that_is_told_to_die_kills_its_own_process_group(
    argv: Argv, nursery: Nursery
) -> None:
    child = nursery.spawn(argv("works"))
    nursery.ready(child)
    child.send(b'{"command":"die"}\n')
    wait_for("its end", child.reap)
    assert child.exit is not None
    assert (child.exit.exit_code, child.exit.signal) == (None, signal.SIGKILL)


def test_as_many_threads_as_jobs_can_burn_cpu_at_once(argv: Argv, nursery: Nursery) -> None:
    threads = []
    for slot, concurrency in enumerate([4, 20]):
        init = msgspec.structs.replace(make_init(slot, 0), concurrency=concurrency)
        threads.append(nursery.ready(nursery.spawn(argv("works"), init)).effective["threads"])
    assert threads[1] - threads[0] == 16


def test_each_event_of_node_is_one_write(argv: Argv) -> None:
    reading, writing = os.pipe2(os.O_DIRECT)  # each read takes what one write gave (pipe(2))
    init = msgspec.structs.replace(make_init(0, 0), event_fd=writing)
    reader = EventReader(RUN_ID, 0, 0)
    with subprocess.Popen(argv("shouts"), stdin=subprocess.PIPE, pass_fds=[writing]) as child:
        os.close(writing)
        assert child.stdin is not None
        child.stdin.write(msgspec.json.encode(init) + b"\n")
        child.stdin.flush()
        for n in range(1000):
            line = os.read(reading, 1 << 16)
            assert line.endswith(b"\n")
            (event,) = reader.feed(line).events
            assert event.fields.n == n
        child.stdin.close()
        assert child.wait(LIMIT_S) == EXIT_PARENT_GONE
    os.close(reading)


# The parent's death


@pytest.mark.parametrize(
    ("child", "tied_by"),
    [("deaf", "the kernel alone"), ("works", "stdin alone"), ("busy", "stdin, its loop held up")],
)
def test_a_node_child_dies_with_its_parent(
    argv: Argv, tmp_path: Path, child: str, tied_by: str
) -> None:
    words = argv(child) if tied_by == "the kernel alone" else without_setpriv(child)
    command = [sys.executable, "-m", "tests.process.parent_of_fake", str(tmp_path), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
        parent.wait(LIMIT_S)
    wait_for("the child's end", lambda: not alive(pid), limit_s=5.0)


def test_a_node_child_whose_stdin_ends_leaves_with_the_code_of_the_wire(
    argv: Argv, nursery: Nursery
) -> None:
    child = nursery.spawn(argv("works"))
    nursery.ready(child)
    assert child._process.stdin is not None
    child._process.stdin.close()
    wait_for("its end", child.reap)
    assert child.exit is not None
    assert child.exit.exit_code == EXIT_PARENT_GONE


def test_a_node_child_that_nobody_reads_any_more_leaves_at_once(
    argv: Argv, nursery: Nursery
) -> None:
    child = nursery.spawn(argv("shouts"))
    child.abandon_pipe()
    wait_for("its end", child.reap)
    assert child.exit is not None
    assert child.exit.exit_code == EXIT_PARENT_GONE


def start(command: Sequence[str], line: bytes, **environment: str) -> tuple[int, bytes]:
    done = subprocess.run(
        command,
        input=line,
        capture_output=True,
        env={**os.environ, **environment},
        timeout=LIMIT_S,
    )
    return done.returncode, done.stderr


def test_a_node_child_whose_parent_is_another_than_it_was_told_leaves(argv: Argv) -> None:
    assert start(argv("works"), b"", **{PARENT_PID_VARIABLE: "1"}) == (EXIT_PARENT_GONE, b"")


def test_a_node_child_whose_parent_is_gone_before_the_init_leaves(argv: Argv) -> None:
    assert start(argv("works"), b"") == (EXIT_PARENT_GONE, b"")


@pytest.mark.parametrize("line", [b"hello\n", b'{"hello":"world"}\n'])
def test_a_node_child_without_an_init_says_so_and_leaves_with_its_own_code(
    argv: Argv, line: bytes
) -> None:
    code, told = start(argv("works"), line)
    assert code == EXIT_BAD_INPUT
    assert b"WireError: the first line on stdin" in told
