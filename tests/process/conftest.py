"""Fixtures of the tests of real processes."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.processes import linux
from tests.process.crew import LIMIT_S, Crew, MakeCrew

_PR_SET_CHILD_SUBREAPER = 36


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
