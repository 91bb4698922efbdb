"""How long a child's lines may lie in their pipe."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

from orchestrator.workers.fleet import PROMPT_REST_S, REST_S, Fleet
from tests.process.crew import LIMIT_S, MakeCrew

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
