"""A history is repeated with the adapter that it was made with, wherever that is kept."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from orchestrator.commands.reproduce import read_request
from orchestrator.documents.examples import EXAMPLES, line_of
from orchestrator.errors import ResultsError, UnknownNameError
from orchestrator.history.records import RunStart
from orchestrator.libraries.new_adapter import new_adapter
from orchestrator.run.request import Request
from orchestrator.scenario.load import load_scenario, resolved


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """An adapter outside this repository."""
    return new_adapter("moved", "python", tmp_path)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """Its run, as far as the first line."""
    example = EXAMPLES["run_start"]
    assert isinstance(example, RunStart)
    scenario = load_scenario("crash_recovery_short")
    start = msgspec.structs.replace(
        example, library="moved", preset="stock", scenario=resolved(scenario)
    )
    path = tmp_path / "run.jsonl"
    path.write_text(line_of(start) + "\n")
    return path


def repeated(history: Path, library: str | None) -> Request:
    return read_request(history, library=library, results=None, ordinal=None, dsn=None)[0]


def test_an_adapter_kept_elsewhere_is_found_by_its_folder(history: Path, outside: Path) -> None:
    request = repeated(history, str(outside))
    assert (request.library, request.library_given) == ("moved", str(outside))


def test_without_its_folder_it_is_unknown(history: Path) -> None:
    with pytest.raises(UnknownNameError, match="there is no library 'moved'"):
        repeated(history, None)


def test_another_library_is_refused(history: Path) -> None:
    with pytest.raises(ResultsError, match="is a run of moved, and pgqueuer is pgqueuer"):
        repeated(history, "pgqueuer")
