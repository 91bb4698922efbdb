"""Real children of the real spawner: spawned, read, stopped, killed, reaped, never left behind."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from orchestrator.errors import ChildFailedError
from orchestrator.history.recorder import Recorder
from orchestrator.processes import linux
from orchestrator.processes.janitor import Janitor
from orchestrator.workers.child import ChildHandle, State, marked_environment
from orchestrator.workers.fleet import PROMPT_REST_S, REST_S, Fleet
from orchestrator.workers.spawner import Spawner
from orchestrator.workers.tracker import Tracker
from tests.process.fake_argv import RUN_ID, argv, make_init
from worker_child.lifeline import EXIT_PARENT_GONE

LIMIT_S = 20.0
_PR_SET_CHILD_SUBREAPER = 36


class FakeJanitor:
    """Remembers which process groups it is charged with."""

    def __init__(self) -> None:
        self.groups: set[int] = set()

    def process_group(self, leader_pid: int) -> None:
        self.groups.add(leader_pid)

    def forget_process_group(self, leader_pid: int) -> None:
        self.groups.remove(leader_pid)


class Crew:
    """A fleet of fake children with a real recorder, and ways to wait for what they do."""

    def __init__(self, folder: Path, behaviour: str, ready_s: float) -> None:
        self.janitor = FakeJanitor()
        self.tracker = Tracker()
        self.recorder = Recorder(folder / "history", RUN_ID)
        self.fleet = Fleet(
            Spawner(folder, mark=str(folder)),
            make_init,
            argv(behaviour),
            self.recorder,
            self.tracker,
            cast("Janitor", self.janitor),
            ready_s=ready_s,
        )

    def spawn_ready(self, slot: int = 0) -> ChildHandle:
        """Spawn the next incarnation of a slot and wait until it is ready."""
        child = self.fleet.spawn(slot)
        self.until(f"{slot} ready", lambda: child.state is State.READY)
        return child

    def until(self, what: str, condition: Callable[[], bool]) -> None:
        """Turn the fleet's loop until the condition holds."""
        deadline_s = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < deadline_s, f"not within {LIMIT_S:g} s: {what}"
            self.fleet.wait(0.05)

    def until_gone(self, child: ChildHandle) -> None:
        self.until("the child's end", lambda: child.state is State.GONE)

    def lines(self, kind: str) -> list[dict[str, Any]]:
        """The fields of every line of a kind in the history."""
        lines = [json.loads(line) for line in self.recorder.path.read_bytes().splitlines()]
        return [line["fields"] for line in lines if line["kind"] == kind]

    def close(self) -> None:
        for child in self.fleet.unfinished():
            if child.exit is None:
                child.kill()
        deadline_s = time.monotonic() + LIMIT_S
        for child in self.fleet.children.values():
            while child.reap() is None and time.monotonic() < deadline_s:
                time.sleep(0.005)
        self.fleet.close()
        self.recorder.close()


MakeCrew = Callable[..., Crew]


@pytest.fixture
def make_crew(tmp_path: Path) -> Iterator[MakeCrew]:
    made: list[Crew] = []

    def make(behaviour: str, ready_s: float = LIMIT_S) -> Crew:
        made.append(Crew(tmp_path, behaviour, ready_s))
        return made[-1]

    yield make
    for crew in made:
        crew.close()


@pytest.fixture
def _subreaper() -> Iterator[None]:
    linux.become_subreaper()
    yield
    assert ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) == 0


def alive(pid: int) -> bool:
    process = linux.read(pid)
    return process is not None and process.alive


def wait_for(what: str, condition: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {limit_s:g} s: {what}"
        time.sleep(0.01)


# Life


def test_a_child_becomes_ready_and_its_lines_are_appended_as_they_came(
    make_crew: MakeCrew,
) -> None:
    crew = make_crew("works")
    child = crew.spawn_ready()
    crew.until("two executions", lambda: child.reader.next_n == 4)
    (ready,) = crew.lines("child_ready")
    assert (ready["n"], ready["pid"], ready["identity"]) == (0, child.pid, f"me-{child.pid}")
    assert [line["n"] for line in crew.lines("job_started")] == [1, 3]
    assert crew.fleet.open_in_living() == 1
    assert crew.janitor.groups == {child.pid}
    (spawned,) = crew.lines("child_spawned")
    assert spawned["application_name"] == child.init.application_name


def test_a_child_leads_a_process_group_and_a_session_of_its_own(make_crew: MakeCrew) -> None:
    child = make_crew("works").spawn_ready()
    assert os.getpgid(child.pid) == os.getsid(child.pid) == child.pid


def test_a_child_that_is_asked_to_stop_leaves_in_good_order(make_crew: MakeCrew) -> None:
    crew = make_crew("works")
    child = crew.spawn_ready()
    child.stop()
    crew.until_gone(child)
    (exited,) = crew.lines("child_exited")
    assert (exited["reason"], exited["exit_code"], exited["events"]) == ("stopped", 0, 4)
    assert crew.janitor.groups == set()
    assert crew.fleet.died == []


def test_a_child_that_ignores_the_order_to_stop_and_is_killed_for_it_is_recorded_so(
    make_crew: MakeCrew,
) -> None:
    crew = make_crew("is_deaf")
    child = crew.spawn_ready()
    child.stop()
    crew.fleet.kill(child, None)
    crew.until_gone(child)
    (exited,) = crew.lines("child_exited")
    assert (exited["reason"], exited["signal"]) == ("stop_ignored", 9)
    assert "fault" not in exited
    assert crew.fleet.lives()[0, 0].died_ns is None
    assert crew.fleet.died == []


def test_what_a_child_prints_goes_to_a_file_and_not_into_the_history(
    make_crew: MakeCrew, tmp_path: Path
) -> None:
    crew = make_crew("works")
    child = crew.spawn_ready()
    child.stop()
    crew.until_gone(child)
    assert (tmp_path / "slot0-incarnation0.stdout").read_text() == "a stray print\n"
    assert crew.lines("note") == []


def test_a_killed_child_leaves_its_open_execution_indeterminate(make_crew: MakeCrew) -> None:
    crew = make_crew("works")
    child = crew.spawn_ready()
    crew.until("two executions", lambda: child.reader.next_n == 4)
    sent_ns = crew.fleet.kill(child, 7)
    assert crew.fleet.living() == []
    crew.until_gone(child)
    assert child.exit is not None
    assert child.eof_ns is not None
    assert sent_ns < child.exit.reaped_ns
    (exited,) = crew.lines("child_exited")
    assert (exited["reason"], exited["signal"], exited["fault"]) == ("killed", signal.SIGKILL, 7)
    assert [event.job_id for event in crew.tracker.open[0, 0].values()] == ["j000001"]
    assert crew.fleet.dead_identities() == {f"me-{child.pid}"}


def test_the_next_incarnation_is_spawned_by_the_same_path(make_crew: MakeCrew) -> None:
    crew = make_crew("works")
    first = crew.spawn_ready()
    crew.fleet.kill(first, 0)
    second = crew.spawn_ready()
    crew.until_gone(first)
    assert (second.slot, second.incarnation) == (0, 1)
    assert crew.fleet.in_slot(0) is second
    assert [line["application_name"][-4:] for line in crew.lines("child_spawned")] == [
        ":0:0",
        ":0:1",
    ]


def test_a_child_that_is_gone_holds_no_descriptor(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - of no folder of ours
    crew = Crew(tmp_path, "works", LIMIT_S)
    stopped, killed = crew.spawn_ready(0), crew.spawn_ready(1)
    stopped.stop()
    crew.fleet.kill(killed, None)
    crew.until_gone(stopped)
    crew.until_gone(killed)
    crew.close()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


# Failures


def test_a_child_that_never_becomes_ready_ends_the_run_with_what_it_said(
    make_crew: MakeCrew,
) -> None:
    crew = make_crew("never_ready", ready_s=1.5)
    child = crew.fleet.spawn(0)
    with pytest.raises(
        ChildFailedError, match=r"0:0 was not ready within 1\.5 s .*ready_s"
    ) as told:
        crew.until("an error", lambda: False)
    assert "still looking for the queue" in str(told.value)
    assert child.exit is None


def test_a_child_that_dies_at_its_start_ends_the_run_with_what_it_said(
    make_crew: MakeCrew,
) -> None:
    crew = make_crew("dies_at_start")
    crew.fleet.spawn(0)
    with pytest.raises(
        ChildFailedError, match="died before it was ready, with exit code 3"
    ) as told:
        crew.until("an error", lambda: False)
    assert "there is no queue here" in str(told.value)
    (exited,) = crew.lines("child_exited")
    assert (exited["reason"], exited["exit_code"]) == ("died", 3)


def test_a_command_that_cannot_be_run_is_a_clear_error(tmp_path: Path) -> None:
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - of no folder of ours
    recorder = Recorder(tmp_path / "history", RUN_ID)
    fleet = Fleet(
        Spawner(tmp_path, mark=str(tmp_path)),
        make_init,
        ["/nowhere/worker", "--go"],
        recorder,
        Tracker(),
        cast("Janitor", FakeJanitor()),
        ready_s=1.0,
    )
    with pytest.raises(ChildFailedError, match=r"/nowhere/worker --go cannot be run: .*No such"):
        fleet.spawn(0)
    fleet.close()
    recorder.close()
    assert len(os.listdir("/proc/self/fd")) == descriptors  # noqa: PTH208


def test_a_child_that_dies_unasked_is_a_finding_and_not_the_end(make_crew: MakeCrew) -> None:
    crew = make_crew("dies_later")
    child = crew.fleet.spawn(0)
    crew.until_gone(child)
    (exited,) = crew.lines("child_exited")
    assert (exited["reason"], exited["exit_code"]) == ("died", 1)
    assert "RuntimeError: the queue has gone" in exited["stderr_tail"]
    assert "ours" not in exited
    assert crew.fleet.died == [child]
    assert crew.fleet.lives()[0, 0].died_ns == exited["t_ns"]


def test_a_death_in_the_instruments_own_code_is_marked_as_ours(make_crew: MakeCrew) -> None:
    crew = make_crew("dies_in_our_code")
    crew.until_gone(crew.fleet.spawn(0))
    (exited,) = crew.lines("child_exited")
    assert exited["ours"] is True
    assert "LineTooLongError" in exited["stderr_tail"]


def test_garbage_and_over_long_lines_are_noted_and_the_good_lines_kept(
    make_crew: MakeCrew,
) -> None:
    crew = make_crew("writes_garbage")
    child = crew.spawn_ready()
    crew.until("the line after", lambda: child.reader.next_n == 2)
    garbage, overlong = [note for note in crew.lines("note") if note["code"] == "bad_line"]
    (after,) = [note for note in crew.lines("note") if note["code"] == "after"]
    assert garbage["message"].endswith("Warning: something\n")
    assert overlong["message"].startswith("longer than 4096 bytes: xxx")
    assert garbage["detail"] == {"slot": 0, "incarnation": 0}
    assert after["n"] == 1


def test_a_line_from_the_future_is_a_clock_violation(make_crew: MakeCrew) -> None:
    crew = make_crew("is_ahead_of_time")
    crew.spawn_ready()
    (note,) = [line for line in crew.lines("note") if "n" not in line]
    assert note["code"] == "clock_violation"
    assert note["detail"] == {"slot": 0, "incarnation": 0}


# How long lines may lie in their pipes


class Rests:
    """Notes for how long a fleet lets lines gather; from now on clocks are not compared."""

    def __init__(self, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked_s: list[float] = []
        fleet._glanced_ns = time.monotonic_ns() + 1_000_000_000_000
        self._select = fleet._urgent.select
        monkeypatch.setattr(fleet._urgent, "select", self._note)

    def _note(self, timeout_s: float) -> Any:
        self.asked_s.append(timeout_s)
        return self._select(timeout_s)


def test_lines_gather_unless_somebody_waits_for_them(
    make_crew: MakeCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = make_crew("chatters")
    crew.spawn_ready()
    rests = Rests(crew.fleet, monkeypatch)
    crew.fleet.wait(LIMIT_S)
    crew.fleet.wait(LIMIT_S, prompt=True)
    assert rests.asked_s == [REST_S, PROMPT_REST_S]


def test_no_rest_outlasts_the_wait_that_was_asked_for(
    make_crew: MakeCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = make_crew("chatters")
    crew.spawn_ready()
    rests = Rests(crew.fleet, monkeypatch)
    while not rests.asked_s:
        crew.fleet.wait(REST_S / 2)
    assert rests.asked_s[0] <= REST_S / 2


def test_once_a_second_lines_are_read_at_once_so_that_clocks_are_compared(
    make_crew: MakeCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = make_crew("chatters")
    crew.spawn_ready()
    rests = Rests(crew.fleet, monkeypatch)
    crew.fleet._glanced_ns = 0
    crew.fleet.wait(LIMIT_S)
    assert rests.asked_s == []


def test_the_end_of_a_child_ends_a_rest(
    make_crew: MakeCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = make_crew("chatters")
    child = crew.spawn_ready()
    monkeypatch.setattr("orchestrator.workers.fleet.REST_S", LIMIT_S * 2)
    rests = Rests(crew.fleet, monkeypatch)
    os.kill(child.pid, signal.SIGKILL)
    begun_s = time.monotonic()
    crew.fleet.wait(LIMIT_S * 2)
    crew.until_gone(child)
    assert rests.asked_s[0] > LIMIT_S
    assert time.monotonic() - begun_s < LIMIT_S


def test_a_child_that_writes_much_is_read_before_its_pipe_is_full(
    make_crew: MakeCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = make_crew("chatters")
    crew.spawn_ready()
    monkeypatch.setattr("orchestrator.workers.fleet._MUCH_BYTES", 1)
    crew.fleet.wait(LIMIT_S)
    rests = Rests(crew.fleet, monkeypatch)
    crew.fleet.wait(LIMIT_S)
    assert rests.asked_s == [PROMPT_REST_S]


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
def test_a_grandchild_that_fled_into_a_session_of_its_own_is_seen(make_crew: MakeCrew) -> None:
    crew = make_crew("has_a_fled_child")
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
def test_a_grandchild_that_fled_and_cleared_its_environment_is_seen(make_crew: MakeCrew) -> None:
    crew = make_crew("has_a_fled_child_without_a_mark")
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
