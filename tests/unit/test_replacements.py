"""Workers that die unasked are replaced, and not for ever."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.errors import ChildFailedError
from orchestrator.faults.injector import FaultInjector
from orchestrator.observe.parts import RunParts
from orchestrator.run.replacements import LIMIT, Replacements
from orchestrator.scenario.faults import BackendTerminate, Kill


class Deaths:
    """A run whose workers die, and what is done about it."""

    def __init__(self, *faults: Any, slots: int = 1) -> None:
        self.died: list[Any] = []
        self.spawned: list[int] = []
        self.noted: list[str] = []
        self.absence = SimpleNamespace(on=False, shut=False, cut_off=set[int]())
        parts = SimpleNamespace(
            absence=self.absence,
            fleet=SimpleNamespace(died=self.died, spawn=self.spawned.append),
            recorder=SimpleNamespace(record=lambda note: self.noted.append(note.message)),
        )
        injected = [SimpleNamespace(plan=SimpleNamespace(entry=fault)) for fault in faults]
        injector = SimpleNamespace(injected=injected)
        self.replacements = Replacements(
            cast("RunParts", parts), cast("FaultInjector", injector), slots=slots
        )

    def die(self, times: int, slot: int = 0) -> None:
        for incarnation in range(times):
            tail = f"the last words of {incarnation}"
            worker = SimpleNamespace(slot=slot, incarnation=incarnation)
            worker.stderr_tail = lambda tail=tail: tail
            self.died.append(worker)
            self.replacements.make()


def test_who_died_unasked_is_noted_and_replaced_in_its_slot() -> None:
    deaths = Deaths()
    deaths.die(1, slot=3)
    assert (deaths.spawned, deaths.died) == ([3], [])
    assert deaths.noted == ["worker 3:0 died unasked"]


def test_one_death_more_than_the_limit_ends_the_run_with_the_last_words() -> None:
    deaths = Deaths(Kill(at_s=1.0), slots=2)
    deaths.die(LIMIT)
    with pytest.raises(ChildFailedError, match=f"more than {LIMIT} times") as raised:
        deaths.die(1)
    assert "the last words of 0" in str(raised.value)
    assert len(deaths.spawned) == LIMIT


def test_a_fault_that_was_to_end_no_process_may_end_them_all_once_more() -> None:
    deaths = Deaths(BackendTerminate(at_s=1.0), slots=2)
    deaths.die(LIMIT + 2)
    with pytest.raises(ChildFailedError):
        deaths.die(1)


@pytest.mark.parametrize("why", ["on", "shut"])
def test_without_a_server_nobody_is_replaced_until_it_answers_again(why: str) -> None:
    deaths = Deaths()
    setattr(deaths.absence, why, True)
    deaths.die(1)
    assert deaths.spawned == []
    setattr(deaths.absence, why, False)
    deaths.replacements.make()
    assert deaths.spawned == [0]


def test_whoever_is_cut_off_from_the_server_waits_for_it_too() -> None:
    deaths = Deaths()
    deaths.absence.cut_off.add(0)
    deaths.die(1)
    assert (deaths.spawned, len(deaths.died)) == ([], 1)
