"""Carries the trials out on one server: a worker held directly, then runs, two at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg

from orchestrator.commands.conformance.checks import judge_all, trials_for
from orchestrator.commands.conformance.finding import Finding, TrialName
from orchestrator.commands.conformance.run_facts import RunFacts, read_facts
from orchestrator.commands.conformance.single_worker import Bench, DirectEvidence
from orchestrator.errors import AdapterSqlError, Interrupted, LibraryProgramError
from orchestrator.history.files import RunFiles
from orchestrator.paths import SCENARIOS
from orchestrator.postgres.server import Server, open_server
from orchestrator.processes.janitor import Janitor
from orchestrator.run.request import Request, make_request, offers_of
from orchestrator.run.subprocess_run import IsInterrupted, each_as_it_ends, run_in_process
from orchestrator.scenario.load import resolve_scenario
from worker_child.adapters.program import ProgramFailedError

Observe = Callable[[TrialName, float], None]
"""Hears of each trial when it is over, and how long it took, seconds."""


@dataclass(frozen=True)
class Subject:
    """What is to be checked."""

    library: str
    """A name, or the path of a folder."""
    preset: str | None
    """None = `tuned` where there is one, else `stock`."""
    results: Path
    dsn: str | None = None

    def request(self, trial: TrialName) -> Request:
        """The run of a trial; that of ``direct`` takes the jobs and workers of ``held``."""
        name = "held" if trial == "direct" else trial
        return make_request(
            resolve_scenario(str(SCENARIOS / "conformance" / f"conformance_{name}.toml")),
            library=self.library,
            preset=self.preset,
            ordinal=1,
            dsn=self.dsn,
            results=self.results,
            overwrite=True,
        )


@dataclass
class _Seen:
    direct: DirectEvidence | None = None
    runs: dict[TrialName, RunFacts] = field(default_factory=dict)


def check_conformance(subject: Subject, names: Sequence[str], observe: Observe) -> list[Finding]:
    """Carry out what `names` need, and judge it. Call it in the main thread.

    No run is made of an adapter whose worker did not become ready. Raises `CrashbenchError`, and
    `Interrupted` once the runs under way, which hear of a Ctrl-C themselves, have ended.
    """
    offers = offers_of(subject.request("direct").adapter)
    trials = trials_for(names, offers)
    requests = {trial: subject.request(trial) for trial in trials}
    seen = _Seen()
    try:
        with (
            Janitor() as janitor,
            open_server(subject.dsn, run_id="conformance", janitor=janitor) as server,
        ):
            if "direct" in requests:
                seen.direct = _hold(requests.pop("direct"), server, janitor, observe)
            if seen.direct is None or seen.direct.ready is not None:
                seen.runs = _carry_out_runs(requests, server.dsn, observe)
    except KeyboardInterrupt:
        raise Interrupted from None
    return judge_all(names, seen.direct, seen.runs, offers)


def _hold(request: Request, server: Server, janitor: Janitor, observe: Observe) -> DirectEvidence:
    begun_s = time.monotonic()
    try:
        evidence = Bench(request, server, janitor).carry_out()
    except ProgramFailedError as error:
        raise LibraryProgramError(str(error)) from error
    except psycopg.Error as error:
        raise AdapterSqlError(
            f"the database refused what {request.library}'s adapter asked of it: {error}"
        ) from error
    observe("direct", time.monotonic() - begun_s)
    return evidence


def _carry_out_runs(
    requests: dict[TrialName, Request], dsn: str, observe: Observe
) -> dict[TrialName, RunFacts]:
    def carry_out(trial: TrialName, interrupted: IsInterrupted) -> tuple[RunFacts, float]:
        return _carry_out(replace(requests[trial], dsn=dsn), interrupted)

    found: dict[TrialName, RunFacts] = {}
    for trial, (facts, took_s) in each_as_it_ends(carry_out, list(requests)):
        found[trial] = facts
        observe(trial, took_s)
    return found


def _carry_out(request: Request, interrupted: IsInterrupted) -> tuple[RunFacts, float]:
    files = RunFiles(request.results, request.run_id)
    for stale in (files.history, files.partial):
        stale.unlink(missing_ok=True)
    ended = run_in_process(request, interrupted=interrupted)
    facts = read_facts(request.scenario, request.preset, files.history, ended.complaint)
    return facts, ended.took_s
