"""Real processes that are stopped and go on, and a janitor that has stopped ones go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.processes import linux
from orchestrator.processes.janitor import Janitor
from orchestrator.workers.child import ChildHandle
from orchestrator.workers.spawner import Spawner
from tests.process.fake_argv import argv, make_init

LIMIT_S = 20.0

# Ends by SIGQUIT in good order: it writes down that it was asked to.
_ORDERLY = """
import os, signal, sys
def quit(number, frame):
    open(sys.argv[1], "w").close()
    sys.exit(0)
signal.signal(signal.SIGQUIT, quit)
print("ready", flush=True)
while True:
    signal.pause()
"""


def wait_for(what: str, condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {LIMIT_S:g} s: {what}"
        time.sleep(0.01)


@pytest.fixture
def child(tmp_path: Path) -> Iterator[ChildHandle]:
    """A worker with a child of its own in its process group."""
    spawned = Spawner(tmp_path, mark=str(tmp_path)).spawn(make_init(0, 0), argv("has_a_child"))
    wait_for("its child", lambda: len(spawned.survivors()) == 2)
    yield spawned
    spawned.kill()
    wait_for("its end", lambda: spawned.reap() is not None and not spawned.survivors())
    spawned.close()


def test_a_pause_stops_every_thread_of_the_group_and_resume_lets_them_go_on(
    child: ChildHandle,
) -> None:
    members = child.survivors()
    paused_ns = child.pause()
    wait_for(
        "all of them to stop", lambda: all(linux.thread_states(pid) == {"T"} for pid in members)
    )
    assert child.paused_ns == paused_ns
    resumed_ns = child.resume()
    wait_for("none to be stopped", lambda: not any("T" in linux.thread_states(p) for p in members))
    assert child.resumed_ns == resumed_ns


def test_the_time_in_which_a_worker_is_stopped_is_not_held_against_it(child: ChildHandle) -> None:
    child.pause()
    first_ns = child.awake_ns()
    assert child.awake_ns() == first_ns
    child.resume()
    wait_for("its time to go on", lambda: child.awake_ns() > first_ns)


def test_a_process_that_is_gone_has_no_thread_in_any_state() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert linux.thread_states(ended.pid) == set()


def test_a_janitor_has_who_is_stopped_go_on_before_it_asks_for_an_end(tmp_path: Path) -> None:
    """Who is stopped could not hear the order to quit."""
    janitor, told = Janitor(), tmp_path / "told"
    place = janitor.directory(tmp_path)
    orderly = [sys.executable, "-c", _ORDERLY, str(told)]
    with subprocess.Popen(orderly, cwd=place, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        janitor.will_stop(process.pid)
        os.kill(process.pid, signal.SIGSTOP)
        wait_for("its stop", lambda: linux.thread_states(process.pid) == {"T"})
        assert janitor.close() == []
        assert process.wait(LIMIT_S) == 0
    assert told.exists()


def test_a_janitor_leaves_alone_who_is_said_to_go_on(tmp_path: Path) -> None:
    janitor = Janitor()
    process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    try:
        janitor.will_stop(process.pid)
        janitor.goes_on(process.pid)
        os.kill(process.pid, signal.SIGSTOP)
        wait_for("its stop", lambda: linux.thread_states(process.pid) == {"T"})
        assert janitor.close() == []
        assert linux.thread_states(process.pid) == {"T"}
    finally:
        process.kill()
        process.wait()
