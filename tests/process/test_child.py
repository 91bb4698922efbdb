"""Real children of the real spawner: spawned, read, stopped, killed, reaped, never left behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.process.crew import LIMIT_S, Crew, MakeCrew

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
    assert crew.fleet.held_by_dead(f"me-{child.pid}", None)
    assert not crew.fleet.held_by_dead("nobody", None)


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
