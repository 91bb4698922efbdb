"""Prints what conformance has found: one line a check, and the reasons below."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestrator.commands.conformance.finding import Finding, Outcome, TrialName

_STYLES: dict[Outcome, str] = {
    "met": "green",
    "broken": "bold red",
    "not offered": "dim",
    "not checked": "yellow",
}
_EXIT_CODES: tuple[tuple[Outcome, int], ...] = (("broken", 1), ("not checked", 4))
"""As a run's: 1 = a promise is broken, 4 = of one it could not be found out."""


def exit_code(findings: Sequence[Finding]) -> int:
    """What the command ends with."""
    outcomes = {finding.outcome for finding in findings}
    return next((code for outcome, code in _EXIT_CODES if outcome in outcomes), 0)


def print_progress(trial: TrialName, took_s: float, done: int, of: int, console: Console) -> None:
    """One line when a trial is over."""
    console.print(f"{done}/{of}  {trial}, {took_s:.0f} s", highlight=False)


def print_findings(findings: Sequence[Finding], subject: str, console: Console) -> None:
    """The table, and in one sentence what it comes to."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("check", "a conforming adapter", "outcome"):
        table.add_column(heading, no_wrap=True)
    for finding in findings:
        told = Text(finding.outcome, _STYLES[finding.outcome])
        table.add_row(finding.name, finding.promise, told)
    console.print(table)
    for (outcome, reason), names in _by_reason(findings).items():
        line = f"{', '.join(names)}, {outcome}: {reason}"
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    console.print(_sentence(findings, subject), highlight=False, markup=False, soft_wrap=True)


def _by_reason(findings: Sequence[Finding]) -> dict[tuple[Outcome, str], list[str]]:
    """One cause leaves many promises unchecked: it is told once."""
    names: defaultdict[tuple[Outcome, str], list[str]] = defaultdict(list)
    for finding in findings:
        if finding.reason:
            names[finding.outcome, finding.reason].append(finding.name)
    return names


def _sentence(findings: Sequence[Finding], subject: str) -> str:
    counts = Counter(finding.outcome for finding in findings)
    if counts["broken"]:
        verdict = f"{subject} does NOT conform: {counts['broken']} of {len(findings)} are broken"
    elif counts["not checked"]:
        verdict = f"{subject}: nothing is broken, but {counts['not checked']} could not be checked"
    else:
        verdict = f"{subject} conforms: {counts['met']} of {len(findings)} are met"
    return verdict + (f", {counts['not offered']} not offered" if counts["not offered"] else "")
