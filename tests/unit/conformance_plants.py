"""Faults to plant in the evidence of conformance, and what its checks say of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from orchestrator.commands.conformance.checks import NAMES, judge_all
from orchestrator.commands.conformance.finding import (
    Finding,
    TrialName,
)
from orchestrator.commands.conformance.run_facts import RunFacts
from orchestrator.commands.conformance.single_worker import DirectEvidence
from tests.unit import conformance_evidence as good

Runs = dict[TrialName, RunFacts]


def outcomes(direct: DirectEvidence | None, runs: Runs) -> dict[str, Finding]:
    return {finding.name: finding for finding in judge_all(NAMES, direct, runs, ["cache"])}


def broken(direct: DirectEvidence | None, runs: Runs) -> set[str]:
    found = outcomes(direct, runs)
    return {name for name, finding in found.items() if finding.outcome == "broken"}


def look(seen: DirectEvidence, name: str, **changes: Any) -> None:
    setattr(seen, name, replace(getattr(seen, name), **changes))


def row(seen: DirectEvidence, **changes: Any) -> None:
    assert seen.claimed is not None
    first, *others = seen.claimed.rows
    look(seen, "claimed", rows=[replace(first, **changes), *others])


def part(run: RunFacts, kind: str, **values: Any) -> None:
    run.of(kind)[0]["parts"].update(values)


def first(run: RunFacts, kind: str, **changes: Any) -> None:
    run.lines[kind][0].update(changes)


def last(run: RunFacts, kind: str, **changes: Any) -> None:
    run.lines[kind][-1].update(changes)


def verdict(run: RunFacts, job_id: str, verdict: str) -> None:
    for job in run.jobs:
        if job["job_id"] == job_id:
            job["verdict"] = verdict


def late_rescue(run: RunFacts) -> None:
    for fields in run.of("job_started") + run.of("job_completed"):
        if fields["incarnation"] == 1:
            fields["t_ns"] += 30_000_000_000


def no_rescue(run: RunFacts) -> None:
    for kind in ("job_started", "job_completed"):
        run.lines[kind] = [fields for fields in run.of(kind) if fields["incarnation"] == 0]


def note(run: RunFacts, code: str, detail: dict[str, Any]) -> None:
    run.lines.setdefault("note", []).append(
        {"t_ns": 1, "code": code, "message": "so it is", "detail": detail}
    )


def once_more(run: RunFacts, job_id: str) -> None:
    """The job is executed again, and fails as before."""
    n = max(fields["n"] for kind in run.lines for fields in run.of(kind) if "n" in fields)
    execution = max(fields["execution"] for fields in run.of("job_started")) + 1
    for kind in ("job_started", "job_failed"):
        like = next(fields for fields in run.of(kind) if fields["job_id"] == job_id)
        n += 1
        again = {**like, "n": n, "t_ns": like["t_ns"] + 10**9 + n, "execution": execution}
        run.lines[kind].append(again)


def one_place_less(run: RunFacts) -> None:
    """The last job of each worker starts when the first has ended."""
    for worker in (0, 1):
        ends = [f for f in run.of("job_completed") if f["slot"] == worker]
        starts = [f for f in run.of("job_started") if f["slot"] == worker]
        starts[-1]["n"], ends[0]["n"] = ends[0]["n"], starts[-1]["n"]
        starts[-1]["t_ns"], ends[0]["t_ns"] = ends[0]["t_ns"], starts[-1]["t_ns"]


def later(run: RunFacts, kind: str, by_s: float, slots: Collection[int] = range(9)) -> None:
    """Everything of this kind by successors, later."""
    for fields in run.of(kind):
        if fields["incarnation"] and fields["slot"] in slots:
            fields["t_ns"] += round(by_s * 1e9)


def states(run: RunFacts, **changes: Any) -> None:
    """The preset states something else."""
    object.__setattr__(run, "preset", replace(run.preset, **changes))


def says_of_attempts(run: RunFacts, words: str) -> None:
    states(run, parity={**run.preset.parity, "rescue_counts_as_attempt": words})


def counted_at_rescues(run: RunFacts, count: int | None, slots: Collection[int] = range(9)) -> None:
    for fields in run.of("job_started"):
        if fields["incarnation"] and fields["slot"] in slots:
            fields["library_attempt"] = count


def retry_told(run: RunFacts, delay_s: float) -> None:
    first(run, "job_retried", delay_s=delay_s)


def poison(run: RunFacts) -> str:
    return job_that_fails("transient", "transient", "transient")


def poison_row(run: RunFacts, state: str) -> None:
    for row in run.of("row_read"):
        if row["job_id"] == poison(run):
            row["state"] = state


def answer(run: RunFacts, place: int, **changes: Any) -> None:
    run.notes("cache_answered")[place]["detail"].update(changes)


def poison_told_twice(run: RunFacts) -> None:
    told = next(f for f in run.of("job_discarded") if f["job_id"] == poison(run))
    run.lines["job_discarded"].append(told)


def job_that_fails(*classes: str) -> str:
    run = good.failing()
    failures: dict[str, list[str]] = {}
    for failed in run.of("job_failed"):
        failures.setdefault(failed["job_id"], []).append(failed["error_class"])
    return next(job_id for job_id, found in failures.items() if found == list(classes))


def drop(run: RunFacts, kind: str) -> None:
    del run.lines[kind][-1]
