"""Real children that never work, die, or write what nobody can read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest

from orchestrator.errors import ChildFailedError
from orchestrator.history.recorder import Recorder
from orchestrator.processes.janitor import Janitor
from orchestrator.workers.fleet import Fleet
from orchestrator.workers.spawner import Spawner
from orchestrator.workers.tracker import Tracker
from tests.process.crew import FakeJanitor, MakeCrew
from tests.process.fake_argv import RUN_ID, make_init

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
