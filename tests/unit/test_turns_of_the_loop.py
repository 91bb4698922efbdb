"""A turn of the supervisor's loop that took too long is noted, save where nothing could be due."""

from __future__ import annotations

from typing import Any, cast

import pytest

from orchestrator.observe.absence import ServerAbsence
from orchestrator.run import watchdog
from orchestrator.run.watchdog import Watchdog
from worker_child.protocol import Note


class Clock:
    def __init__(self) -> None:
        self.now_ns = 1_000_000_000

    def monotonic_ns(self) -> int:
        return self.now_ns

    def pass_s(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)


class Recorder:
    def __init__(self) -> None:
        self.notes: list[Note] = []

    def record(self, note: Note) -> None:
        self.notes.append(note)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(watchdog, "time", made)
    return made


def watching(recorder: Recorder) -> Watchdog:
    return Watchdog(
        cast("Any", recorder),
        cast("Any", None),
        None,
        postmaster_pid=lambda: None,
        absence=ServerAbsence(),
        interrupted=lambda: False,
    )


def test_a_turn_that_took_too_long_is_noted_with_its_length(clock: Clock) -> None:
    recorder = Recorder()
    dog = watching(recorder)
    for seconds in (0.05, 0.29, 1.5):
        dog.begin_turn()
        clock.pass_s(seconds)
    dog.begin_turn()
    (note,) = recorder.notes
    assert (note.code, note.detail) == ("parent_stalled", {"stalled_s": 1.5})


def test_time_that_passed_while_nothing_was_due_is_no_turn(clock: Clock) -> None:
    recorder = Recorder()
    dog = watching(recorder)
    dog.begin_turn()
    clock.pass_s(6)
    dog.rest()
    dog.begin_turn()
    assert recorder.notes == []
