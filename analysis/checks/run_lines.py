"""What run_start and run_end say of the file that they stand in, held against it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from analysis.history.history import History
from orchestrator.scenario.job_kinds import needed_offers
from orchestrator.scenario.types import CHECK_INTERVALS

PRESET_HASH: Final = re.compile(r"[0-9a-f]{16}")
CHANGED_PRESET: Final = re.compile(r"\.[0-9a-f]{8}\Z")
"""How the name of a preset ends on top of which settings were changed."""


def _bytes_written(history: History) -> Iterator[str]:
    assert history.end is not None, "asked of an unfinished history"
    said, found = history.end.bytes_written, history.bytes_beside_end
    if said != found:
        yield f"run_end says that {said} bytes precede it; the file has {found} beside that line."


def _scenario_digest(history: History) -> Iterator[str]:
    said, found = history.start.scenario_sha256, history.scenario_digest
    if found is not None and said != found and history.version > 1:
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


def _asked_for(history: History) -> Iterator[str]:
    """What run_start says of its own scenario beside it."""
    start = history.start
    if history.version == 1:
        return
    workload = start.scenario.workload
    needs = needed_offers(start.scenario)
    if [*start.needs] != needs:
        yield f"run_start needs {[*start.needs]} of a library; by its scenario that is {needs}."
    lacking = [need for need in needs if need not in start.offers]
    if lacking:
        yield f"The library was run although it does not offer {', '.join(lacking)}."
    cut = workload.closed_loop or workload.endless
    if start.planned_stream_jobs is None and not cut:
        yield "run_start does not say how many jobs the stream has, although it has an end."
    if start.preset_hash is not None and not PRESET_HASH.fullmatch(start.preset_hash):
        yield f"preset_hash is {start.preset_hash!r}, and not 16 hex digits."
    changed = start.changed_settings.items()
    if any(start.settings.get(name) != value for name, value in changed):
        yield "A setting that was changed has another value among the settings."
    if bool(start.changed_settings) != (re.search(CHANGED_PRESET, start.preset) is not None):
        yield f"The preset {start.preset!r} and the changed settings do not go together."


def _server_condition(history: History) -> Iterator[str]:
    """What the server said of its sessions is what the scenario asks for; older ones cannot say."""
    postgres = history.start.environment.get("postgres", {})
    said = postgres.get("settings", {}).get("client_connection_check_interval")
    condition = history.start.scenario.server
    if said is not None and said != CHECK_INTERVALS[condition]:
        yield (
            f"The run was to be under the server condition {condition}, and its server's "
            f"client_connection_check_interval was {said}."
        )


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (
    _bytes_written,
    _scenario_digest,
    _run_id,
    _asked_for,
    _server_condition,
)
