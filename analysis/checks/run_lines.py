"""What run_start and run_end say of the file that they stand in, held against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from analysis.history.history import History
from orchestrator.history.records import HISTORY_VERSION


def _bytes_written(history: History) -> Iterator[str]:
    """Of version 1 there are histories written by hand that never counted."""
    assert history.end is not None, "asked of an unfinished history"
    said, found = history.end.bytes_written, history.bytes_beside_end
    if said != found and (said or history.version == HISTORY_VERSION):
        yield f"run_end says that {said} bytes precede it; the file has {found} beside that line."


def _scenario_digest(history: History) -> Iterator[str]:
    said, found = history.start.scenario_sha256, history.scenario_digest
    if found is not None and said != found and history.version == HISTORY_VERSION:
        yield f"scenario_sha256 is {said[:16]}..., the scenario's digest is {found[:16]}..."


def _run_id(history: History) -> Iterator[str]:
    start = history.start
    told = f"{start.scenario_name}-{start.library}-{start.preset}-{start.ordinal:03d}"
    if history.run_id != told:
        yield f"The run is called {history.run_id!r}; by its run_start it is {told!r}."
    if start.scenario.name != start.scenario_name:
        yield (
            f"run_start names the scenario {start.scenario_name!r}, the scenario itself is "
            f"{start.scenario.name!r}."
        )
    if start.scenario.seed != start.seed:
        yield f"run_start has the seed {start.seed}, its scenario {start.scenario.seed}."


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (_bytes_written, _scenario_digest, _run_id)
