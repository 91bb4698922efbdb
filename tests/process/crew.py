"""A fleet of one fake worker, as the tests of real children have it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from orchestrator.history.recorder import Recorder
from orchestrator.processes import linux
from orchestrator.processes.janitor import Janitor
from orchestrator.workers.child import ChildHandle, State
from orchestrator.workers.fleet import Fleet
from orchestrator.workers.spawner import Spawner
from orchestrator.workers.tracker import Tracker
from tests.process.fake_argv import RUN_ID, argv, make_init

LIMIT_S = 20.0


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


def alive(pid: int) -> bool:
    process = linux.read(pid)
    return process is not None and process.alive


def wait_for(what: str, condition: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {limit_s:g} s: {what}"
        time.sleep(0.01)
