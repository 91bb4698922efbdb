"""One run against a real server, from a scenario to its summary."""

from __future__ import annotations

from pathlib import Path

from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from orchestrator.run.request import make_request
from orchestrator.run.run import carry_out
from orchestrator.scenario.types import Scenario


def summary_of_run(
    scenario: Scenario, *, library: str, preset: str | None, dsn: str | None, results: Path
) -> Summary:
    """Carry it out and analyse its history; `dsn` None = on a server of its own."""
    request = make_request(
        scenario,
        library=library,
        preset=preset,
        ordinal=1,
        dsn=dsn,
        results=results,
        overwrite=False,
    )
    return analyse(carry_out(request, lambda status: None).history)
