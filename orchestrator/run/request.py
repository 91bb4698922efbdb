"""What the user asked for: every name checked, everything that follows from it made once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from orchestrator.errors import NotOfferedError, NotPossibleHereError, UnknownNameError
from orchestrator.faults.table import word_of
from orchestrator.history.records import Invocation, setting_words
from orchestrator.libraries.build import require_built
from orchestrator.libraries.guard import guard
from orchestrator.libraries.library import find_library
from orchestrator.libraries.settings import preset_hash, preset_label, read_changes, resolve_preset
from orchestrator.run.forecast import Forecast, foresee
from orchestrator.scenario.job_kinds import needed_offers
from orchestrator.scenario.load import ResolvedScenario, resolve
from orchestrator.scenario.reader import nearest_and_all
from orchestrator.scenario.types import Scenario
from worker_child.adapters.contract import (
    NO_CHANGES,
    Adapter,
    Offering,
    Preset,
    Workers,
)

DSN_VARIABLE = "CRASHBENCH_DSN"
"""Names the server of a run where a command line, which anybody can read, may not."""


@dataclass(frozen=True)
class Request:
    """One run that is asked for. It is handed on whole; nothing of it is worked out again."""

    resolved: ResolvedScenario
    library: str
    library_given: str
    """What finds the library again: its name, or the path of its folder."""
    adapter: Adapter
    preset: Preset
    """Resolved, single settings changed; by the name that stands in the run's."""
    ordinal: int
    dsn: str | None
    results: Path
    overwrite: bool
    adapter_sha256: str | None = None
    """Of an outside adapter's folder; None = a bundled one."""
    base_preset: str = ""
    """The adapter's own name of the preset, before single settings were changed."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Single settings that differ from the preset's own, by name."""
    preset_hash: str | None = None
    """Of the preset as it is for any workers: equal hashes = the same settings, save those that
    follow from slots, concurrency, pool and attempts. None = it cannot be said."""
    invocation: Invocation | None = None
    """The words that lead to this scenario and library; None = no words do."""

    @property
    def scenario(self) -> Scenario:
        """What its file says."""
        return self.resolved.scenario

    @property
    def run_id(self) -> str:
        """The same request has the same name, always."""
        return f"{self.scenario.name}-{self.library}-{self.preset.name}-{self.ordinal:03d}"

    @property
    def setting_words(self) -> tuple[str, ...]:
        """What ``--setting`` would be given to change the same settings."""
        return setting_words(self.changes)

    @cached_property
    def forecast(self) -> Forecast:
        """What the run will be like."""
        return foresee(self.scenario, self.preset, self.resolved.capacity)


def make_request(
    scenario: ResolvedScenario | Scenario,
    *,
    library: str,
    preset: str | None,
    ordinal: int,
    dsn: str | None,
    results: Path,
    overwrite: bool,
    settings: Sequence[str] = (),
    invocation: Invocation | None = None,
) -> Request:
    """Find library and preset, and put `settings` (``KEY=VALUE``) on top.

    A scenario of no file is resolved here; `invocation` has the words that once led to it. Raises
    `UnknownNameError` with the names there are, `SettingError`, `NotOfferedError` where the library
    cannot do what the scenario needs, `NotPossibleHereError` where a fault needs a server of the
    run's own and `dsn` is another's, `LibraryNotBuiltError` where its worker is not there,
    `AdapterError` where the adapter itself fails, and `ManifestError` or `AdapterImportError` of an
    adapter that is kept elsewhere.
    """
    whole = resolve(scenario) if isinstance(scenario, Scenario) else scenario
    found = find_library(library)
    adapter = guard(found)
    _check_offers(whole.scenario, found.name, adapter)
    _check_server(whole.scenario, dsn)
    wished = whole.scenario.preset
    name = preset or (wished if wished in adapter.presets else "stock")
    if name not in adapter.presets:
        raise UnknownNameError(
            f"{found.name} has no preset {name!r}; {nearest_and_all(name, adapter.presets)}"
        )
    workers = workers_of(whole)
    chosen, changes = resolve_preset(adapter, name, workers), NO_CHANGES
    if settings:
        changes = read_changes(settings, adapter, chosen, workers)
        chosen = resolve_preset(adapter, name, workers, changes)
    require_built(found)
    return Request(
        resolved=whole,
        library=found.name,
        library_given=found.given,
        adapter=adapter,
        preset=replace(chosen, name=preset_label(name, changes)),
        ordinal=ordinal,
        dsn=dsn,
        results=results,
        overwrite=overwrite,
        adapter_sha256=found.sha256(),
        base_preset=name,
        changes=changes,
        preset_hash=preset_hash(adapter, name, workers, changes),
        invocation=_invocation(invocation, whole, found.given),
    )


def workers_of(whole: ResolvedScenario) -> Workers:
    """What an adapter is told of the scenario."""
    settings = whole.scenario.workers
    return Workers(
        settings.slots,
        settings.concurrency,
        settings.pool_size,
        settings.max_attempts,
        whole.capacity.longest_length_s,
    )


def offers_of(adapter: Adapter) -> dict[str, str]:
    """What the library can do that not every one can, and how."""
    return {str(k): v for k, v in adapter.offers.items()} if isinstance(adapter, Offering) else {}


def _invocation(
    given: Invocation | None, whole: ResolvedScenario, library: str
) -> Invocation | None:
    """Of a scenario of a file it follows from that."""
    if whole.source is not None:
        return Invocation(whole.source, whole.overrides, library)
    return given and msgspec.structs.replace(given, library=library)


def _check_server(scenario: Scenario, dsn: str | None) -> None:
    words = {word_of(fault) for fault in scenario.faults if fault.NEEDS_OWN_SERVER}
    if dsn is not None and words:
        raise NotPossibleHereError(
            f"{scenario.name} has the fault {' and '.join(sorted(words))}, which harms the whole "
            "server, and the one given by DSN is not the run's own: leave --dsn away. Nothing was "
            "started"
        )


def _check_offers(scenario: Scenario, library: str, adapter: Adapter) -> None:
    offers = offers_of(adapter)
    missing = [offer for offer in needed_offers(scenario) if offer not in offers]
    if missing:
        raise NotOfferedError(
            f"not offered: {scenario.name} needs {' and '.join(missing)}, which {library}'s "
            "adapter does not offer. Nothing was started"
        )
