"""Real workers forked from a real warm process: nobody can tell them from those started anew."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import ChildFailedError
from orchestrator.processes import linux
from orchestrator.workers.child import ChildHandle
from orchestrator.workers.spawner import Spawner
from orchestrator.workers.warm import WarmProcess, WarmProcesses
from tests.process.crew import alive, wait_for
from tests.process.fake_argv import make_init
from worker_child.adapters.program import python_argv

pytestmark = pytest.mark.usefixtures("_subreaper")

# Says what it is before it would reach for a database, and is deaf to the end of its stdin.
_WORKER = """
import json, os, random, time

def new_event_loop():
    if os.environ.get("FLEES") and os.fork() == 0:
        os.setsid()
        time.sleep(1000)
    listed = os.listdir("/proc/self/fd")
    facts = {
        "parent": os.getppid(),
        "session": os.getsid(0),
        "group": os.getpgid(0),
        "descriptors": sorted(int(fd) for fd in listed if os.path.exists(f"/proc/self/fd/{fd}")),
        "environment": dict(os.environ),
        "threads": len(os.listdir("/proc/self/task")),
        "random": random.random(),
    }
    os.write(3, json.dumps(facts).encode() + b"\\n")
    while True:
        time.sleep(1000)

work = None
"""
_WITH_A_THREAD = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\n"
_WITH_A_FILE = "kept_open = open('/dev/null')\n"


def adapter(folder: Path, text: str = _WORKER) -> list[str]:
    folder.mkdir()
    (folder / "worker.py").write_text(text)
    return python_argv(folder=folder)


class Workers:
    """A warm process and what is forked from it."""

    def __init__(self, folder: Path) -> None:
        self.argv = adapter(folder / "adapter")
        self.warm = WarmProcess(self.argv, "fake")
        self.spawner = Spawner(folder, str(folder), self.warm)
        self.spawned: list[ChildHandle] = []

    def spawn(self) -> tuple[ChildHandle, dict[str, Any]]:
        """One more, and what it says of itself."""
        child = self.spawner.spawn(make_init(0, len(self.spawned)), self.argv)
        self.spawned.append(child)
        assert select.select([child], [], [], 30)[0], child.stderr_tail()
        return child, json.loads(child.read())

    def end(self) -> None:
        for child in self.spawned:
            for pid in [child.pid, *child.survivors()]:
                if alive(pid):
                    os.kill(pid, signal.SIGKILL)
            wait_for("its end", lambda child=child: child.reap() is not None)  # type: ignore[misc]
            child.close()
        self.warm.close()


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    made = Workers(tmp_path)
    yield made
    made.end()


def test_a_forked_worker_is_the_parents_child_and_has_nothing_but_what_it_was_given(
    workers: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert workers.warm.refusal is None
    monkeypatch.setenv("SET_SINCE", "the warm process was started")
    child, facts = workers.spawn()
    assert facts["parent"] == os.getpid()
    assert facts["session"] == facts["group"] == child.pid != workers.warm.pid
    assert facts["descriptors"] == [0, 1, 2, 3]
    assert facts["threads"] == 1
    cold = Spawner(tmp_path, str(tmp_path))._environment(child.init)
    assert facts["environment"] == cold
    assert linux.command_line(child.pid) == " ".join(workers.argv)


def test_siblings_draw_other_random_numbers(workers: Workers) -> None:
    drawn = [workers.spawn()[1]["random"] for _ in range(3)]
    assert len(set(drawn)) == 3


def test_the_kernel_shows_the_mark_of_the_run_and_so_a_descendant_that_fled_is_found(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEES", "1")
    child, _ = workers.spawn()
    wait_for("its descendant", lambda: len(child.survivors()) == 2)
    os.killpg(child.pid, signal.SIGKILL)
    wait_for("its end", lambda: child.reap() is not None)
    (fled,) = child.survivors()
    assert fled != child.pid
    assert child.exit is not None
    assert child.exit.signal == signal.SIGKILL


def test_a_kill_of_a_workers_group_leaves_the_warm_process_and_the_siblings(
    workers: Workers,
) -> None:
    victim, _ = workers.spawn()
    sibling, _ = workers.spawn()
    victim.kill()
    wait_for("the victim's end", lambda: victim.reap() is not None)
    wait_for("the end of its pipe", lambda: not victim.read() and victim.eof_ns is not None)
    assert victim.survivors() == []
    assert alive(sibling.pid)
    assert workers.warm.alive()
    assert alive(workers.spawn()[0].pid)


def test_the_end_of_the_warm_process_is_an_error_in_a_sentence_and_harms_no_worker(
    workers: Workers,
) -> None:
    child, _ = workers.spawn()
    os.kill(workers.warm.pid, signal.SIGKILL)
    wait_for("its end", lambda: not workers.warm.alive())
    with pytest.raises(ChildFailedError, match=f"the warm process {workers.warm.pid}, "):
        workers.spawner.spawn(make_init(0, 1), workers.argv)
    assert alive(child.pid)


def test_neither_the_warm_process_nor_a_worker_outlives_a_parent_that_is_killed(
    tmp_path: Path,
) -> None:
    adapter(tmp_path / "adapter")
    words = [sys.executable, "-m", "tests.process.parent_of_warm", str(tmp_path / "adapter")]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == 2 and all(map(alive, pids))
        parent.kill()
    wait_for("the end of both", lambda: not any(map(alive, pids)))


@pytest.mark.parametrize(
    ("text", "why"), [(_WITH_A_THREAD, "1 threads"), (_WITH_A_FILE, "1 open files")]
)
def test_a_library_of_which_no_sound_copy_can_be_made_is_refused(
    tmp_path: Path, text: str, why: str
) -> None:
    argv = adapter(tmp_path / "adapter", text + _WORKER)
    with WarmProcesses() as warm:
        refusal = warm.of(argv, "fake")
    assert isinstance(refusal, str)
    assert why in refusal


def test_a_library_that_cannot_be_imported_and_a_command_that_is_not_ours_have_none(
    tmp_path: Path,
) -> None:
    argv = adapter(tmp_path / "adapter", "import nothing_of_this_name\n")
    with WarmProcesses() as warm:
        assert warm.of(argv, "fake") == "its library could not be imported"
        assert warm.of(["/usr/bin/worker"], "fake") == "it is no Python worker of ours"


def test_a_lane_has_one_warm_process_a_command_and_another_once_that_has_died(
    tmp_path: Path,
) -> None:
    argv = adapter(tmp_path / "adapter")
    with WarmProcesses() as warm:
        first = warm.of(argv, "fake")
        assert isinstance(first, WarmProcess)
        assert warm.of(argv, "fake") is first
        os.kill(first.pid, signal.SIGKILL)
        wait_for("its end", lambda: not first.alive())
        second = warm.of(argv, "fake")
        assert isinstance(second, WarmProcess)
        assert second.pid != first.pid and second.alive()
    wait_for("the end of all", lambda: not alive(second.pid))
