"""The table of checks: one row, one promise.

A check that no wrong adapter trips is a defect: `tests/wrong_adapters` holds one for each way of
being wrong that we know of.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from orchestrator.commands.conformance.checks_of_cache import CACHE
from orchestrator.commands.conformance.checks_of_claims import CLAIMS
from orchestrator.commands.conformance.checks_of_events import EVENTS
from orchestrator.commands.conformance.checks_of_kills import KILLS
from orchestrator.commands.conformance.checks_of_rescue import RESCUE
from orchestrator.commands.conformance.checks_of_rows import DIRECT
from orchestrator.commands.conformance.checks_of_work import WORK
from orchestrator.commands.conformance.finding import Check, Finding, TrialName, judge
from orchestrator.commands.conformance.run_facts import RunFacts
from orchestrator.commands.conformance.single_worker import DirectEvidence
from orchestrator.errors import UnknownNameError
from orchestrator.scenario.reader import nearest_and_all

RUNS: tuple[Check[RunFacts], ...] = (*EVENTS, *KILLS, *RESCUE, *WORK, *CLAIMS, *CACHE)
CHECKS: tuple[Check[DirectEvidence] | Check[RunFacts], ...] = (*DIRECT, *RUNS)
NAMES = tuple(check.name for check in CHECKS)


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """The names to be checked; none given = all. Raises `UnknownNameError`."""
    for name in names:
        if name not in NAMES:
            raise UnknownNameError(f"there is no check {name!r}; {nearest_and_all(name, NAMES)}")
    return tuple(names) or NAMES


def trials_for(names: Collection[str], offers: Collection[str]) -> list[TrialName]:
    """The trials that these checks read, in the order in which they are carried out.

    `offers` = what the library offers that not every one does: what it does not offer is not tried.
    """
    needed = {
        trial
        for check in CHECKS
        if check.name in names and (check.needs is None or check.needs in offers)
        for trial in check.trials
    }
    order: tuple[TrialName, ...] = ("direct", "repeated", "held", "failing", "crowded", "cached")
    return [trial for trial in order if trial in needed]


def judge_all(
    names: Collection[str],
    direct: DirectEvidence | None,
    runs: dict[TrialName, RunFacts],
    offers: Collection[str],
) -> list[Finding]:
    """Every check of `names`, in the table's order."""
    seen: dict[TrialName, DirectEvidence] = {} if direct is None else {"direct": direct}
    return [
        *(judge(check, seen, offers) for check in DIRECT if check.name in names),
        *(judge(check, runs, offers) for check in RUNS if check.name in names),
    ]
