"""A kill takes all that belongs to the victim, and whoever lives on is seen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from orchestrator.workers.child import marked_environment
from tests.process.crew import LIMIT_S, MakeCrew, alive, wait_for
from tests.process.fake_argv import argv
from worker_child.lifeline import EXIT_PARENT_GONE

# Descendants


def test_a_kill_takes_the_whole_process_group(make_crew: MakeCrew) -> None:
    crew = make_crew("has_a_child")
    child = crew.spawn_ready()
    grandchild = crew.lines("child_ready")[0]["effective"]["grandchild"]
    assert child.survivors() == sorted([child.pid, grandchild])
    crew.fleet.kill(child, 0)
    crew.until_gone(child)
    wait_for("the grandchild's end", lambda: not alive(grandchild))
    assert child.survivors() == []


@pytest.mark.usefixtures("_subreaper")
@pytest.mark.parametrize("fled", ["has_a_fled_child", "has_a_fled_child_without_a_mark"])
def test_a_grandchild_that_fled_into_a_session_of_its_own_is_seen_marked_or_not(
    fled: str, make_crew: MakeCrew
) -> None:
    crew = make_crew(fled)
    child = crew.spawn_ready()
    grandchild = crew.lines("child_ready")[0]["effective"]["grandchild"]
    crew.fleet.kill(child, 0)
    crew.until_gone(child)
    try:
        assert child.survivors() == [grandchild]
    finally:
        os.kill(grandchild, signal.SIGKILL)
    wait_for("the grandchild's end", lambda: child.survivors() == [])
    assert not psutil.pid_exists(grandchild), "a zombie is reaped"


@pytest.mark.usefixtures("_subreaper")
def test_a_grandchild_is_a_survivor_of_its_own_worker_alone(make_crew: MakeCrew) -> None:
    crew = make_crew("has_a_fled_child")
    first, second = crew.spawn_ready(0), crew.spawn_ready(1)
    fled = {line["slot"]: line["effective"]["grandchild"] for line in crew.lines("child_ready")}
    crew.fleet.kill(first, 0)
    crew.until_gone(first)
    try:
        assert first.survivors() == [fled[0]]
        assert second.survivors() == sorted([second.pid, fled[1]])
    finally:
        for pid in fled.values():
            os.kill(pid, signal.SIGKILL)


def test_what_the_parent_starts_later_is_no_survivor(make_crew: MakeCrew, tmp_path: Path) -> None:
    crew = make_crew("works")
    child = crew.spawn_ready()
    wait = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with marked_environment(str(tmp_path)):
        ours = subprocess.Popen(wait, stdin=subprocess.PIPE, start_new_session=True)
    nobodys = subprocess.Popen(wait, stdin=subprocess.PIPE, start_new_session=True)
    with ours, nobodys:
        crew.fleet.kill(child, 0)
        crew.until_gone(child)
        wait_for("both to have their own environment", lambda: child.survivors() == [nobodys.pid])
        for process in (ours, nobodys):
            assert process.stdin is not None
            process.stdin.close()
    assert (ours.returncode, nobodys.returncode) == (0, 0), "their exit statuses were left to us"


@pytest.mark.usefixtures("_subreaper")
def test_a_child_whose_pipe_a_survivor_holds_is_reaped_but_never_called_gone(
    make_crew: MakeCrew,
) -> None:
    crew = make_crew("leaves_its_pipe_to_a_fled_child")
    child = crew.spawn_ready()
    grandchild = crew.lines("child_ready")[0]["effective"]["grandchild"]
    crew.fleet.kill(child, 0)
    crew.until("the exit status", lambda: child.exit is not None)
    crew.fleet.wait(0.2)
    assert child.eof_ns is None
    assert crew.fleet.unfinished() == [child]
    os.kill(grandchild, signal.SIGKILL)
    crew.until_gone(child)
    wait_for("the reaping", lambda: child.survivors() == [])


def test_what_outlives_a_leader_that_was_killed_alone_is_killed_with_its_group(
    make_crew: MakeCrew,
) -> None:
    crew = make_crew("has_a_child")
    child = crew.spawn_ready()
    grandchild = crew.lines("child_ready")[0]["effective"]["grandchild"]
    crew.fleet.kill_leader(child, 0)
    crew.until("the exit status", lambda: child.exit is not None)
    assert child.survivors() == [grandchild]
    assert crew.fleet.living() == [] and crew.fleet.in_slot(0) is None
    crew.fleet.kill_the_leaderless()
    crew.until_gone(child)
    wait_for("the grandchild's end", lambda: not alive(grandchild))
    assert child.survivors() == []


# The parent's death


@pytest.mark.parametrize("behaviour", ["is_deaf", "listens_only"])
def test_a_child_dies_with_its_parent_by_each_of_its_two_ropes(
    tmp_path: Path, behaviour: str
) -> None:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "tests.process.parent_of_fake", str(tmp_path)]
    command += argv(behaviour)
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert alive(child)
        parent.kill()
        parent.wait(LIMIT_S)
    wait_for("the child's end", lambda: not alive(child), limit_s=2.0)


def test_a_child_whose_stdin_ends_leaves_at_once(make_crew: MakeCrew) -> None:
    crew = make_crew("works")
    child = crew.spawn_ready()
    crew.until("two executions", lambda: child.reader.next_n == 4)
    assert child._process.stdin is not None
    child._process.stdin.close()
    crew.until_gone(child)
    assert child.exit is not None
    assert child.exit.exit_code == EXIT_PARENT_GONE


@pytest.mark.parametrize(
    ("mark", "is_left"),
    [
        ("{run}", False),
        ("another-run:0:0", True),
        ("{run}:1:0", False),
        ("{run}:0:1", False),
        ("{run}:0:0", True),
    ],
    ids=["the parent's own", "no mark of the run", "another slot's", "the successor's", "its own"],
)
def test_what_lives_on_is_the_victims_unless_its_mark_is_the_runs_and_not_the_victims(
    mark: str, is_left: bool, make_crew: MakeCrew, tmp_path: Path
) -> None:
    crew = make_crew("works")
    child = crew.spawn_ready()
    wait = [sys.executable, "-c", "import sys; print(1, flush=True); sys.stdin.read()"]
    with marked_environment(mark.format(run=tmp_path)):
        other = subprocess.Popen(
            wait, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
    with other:
        assert other.stdout is not None and other.stdout.readline()
        crew.fleet.kill(child, 0)
        crew.until_gone(child)
        expected = [other.pid] if is_left else []
        wait_for("the worker's own end", lambda: child.survivors() == expected)
        assert child.survivors() == expected
