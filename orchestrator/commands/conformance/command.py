"""`crashbench conformance`: from the names given to the table of findings and the exit code."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.report.console import HarmlessConsole
from orchestrator.commands.conformance.checks import chosen, trials_for
from orchestrator.commands.conformance.finding import Finding, Outcome, over_repetitions
from orchestrator.commands.conformance.trials import Subject, check_conformance
from orchestrator.commands.options import Dsn, Results
from orchestrator.history.files import require_writable
from orchestrator.run.request import offers_of

_STYLES: dict[Outcome, str] = {
    "met": "green",
    "broken": "bold red",
    "not offered": "dim",
    "not checked": "yellow",
}
_EXIT_CODES: tuple[tuple[Outcome, int], ...] = (("broken", 1), ("not checked", 4))
"""As a run's: 1 = a promise is broken, 4 = of one it could not be found out."""


def conformance(
    library: Annotated[
        str, typer.Argument(help="A library's name, or the folder of an adapter, as ./folder.")
    ],
    preset: Annotated[
        str | None, typer.Option(help="Default: 'tuned' where there is one, else 'stock'.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="A check's name, as the table has it; repeatable.")
    ] = None,
    repeat: Annotated[
        int, typer.Option(min=1, max=99, help="Do it all so often; every time must agree.")
    ] = 1,
    dsn: Dsn = None,
    results: Results = Path("results/conformance"),
) -> None:
    """Check an adapter against PROTOCOL.md and the contract.

    Holds a worker, kills its parent, kills workers at each point of a job's life and one after
    another, crowds them, lets jobs fail, and compares what the adapter says and states with what
    the events and SQL say. Takes a minute or two, and as long as the preset takes to rescue. What
    is met in one repetition and not in another is not met. Exit codes: 0 it conforms, 1 a promise
    is broken, 2 usage, 4 one could not be checked.

      crashbench conformance pgqueuer

      crashbench conformance river --preset tuned --repeat 5

      crashbench conformance ./my_adapter --only ready --only stop
    """
    subject = Subject(library, preset, results, dsn)
    raise typer.Exit(run_conformance(subject, only or (), HarmlessConsole(), repeat))


def run_conformance(
    subject: Subject, only: Sequence[str], console: Console, repeat: int = 1
) -> int:
    """Check one adapter, `repeat` times; returns the exit code. Raises `CrashbenchError`."""
    names = chosen(only)
    request = subject.request("held")
    trials = trials_for(names, offers_of(request.adapter))
    require_writable(subject.results)
    title = f"{request.library} ({request.preset.name})"
    times = f", repetitions: {repeat}" if repeat > 1 else ""
    console.print(f"{title}: checks: {len(names)}, trials: {len(trials)}{times}", highlight=False)
    done, of = count(1), len(trials) * repeat
    repetitions = [
        check_conformance(
            _repetition(subject, number) if repeat > 1 else subject,
            names,
            lambda trial, took_s: console.print(
                f"{next(done)}/{of}  {trial}, {took_s:.0f} s", highlight=False
            ),
        )
        for number in range(1, repeat + 1)
    ]
    findings = over_repetitions(repetitions)
    print_findings(findings, title, console)
    return exit_code(findings)


def _repetition(subject: Subject, number: int) -> Subject:
    """Its runs are kept beside those of the others."""
    return replace(subject, results=subject.results / f"repetition-{number:02d}")


def exit_code(findings: Sequence[Finding]) -> int:
    """What the command ends with."""
    outcomes = {finding.outcome for finding in findings}
    return next((code for outcome, code in _EXIT_CODES if outcome in outcomes), 0)


def print_findings(findings: Sequence[Finding], subject: str, console: Console) -> None:
    """The table, the reasons below it, and in one sentence what it comes to."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("check", "a conforming adapter", "outcome"):
        table.add_column(heading, no_wrap=True)
    for finding in findings:
        table.add_row(
            finding.name, finding.promise, Text(finding.outcome, _STYLES[finding.outcome])
        )
    console.print(table)
    for (word, reason), names in _by_reason(findings).items():
        line = f"{', '.join(names)}, {word}: {reason}"
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    console.print(_sentence(findings, subject), highlight=False, markup=False, soft_wrap=True)


def _by_reason(findings: Sequence[Finding]) -> dict[tuple[str, str], list[str]]:
    """One cause leaves many promises unchecked: it is given once, after a word on what it did."""
    names: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for finding in findings:
        if finding.reason:
            names[_word(finding), finding.reason].append(finding.name)
    return names


def _word(finding: Finding) -> str:
    if finding.of_library:
        return f"{finding.outcome} by the library itself, not by its adapter"
    return "a remark" if finding.outcome == "met" else finding.outcome


def _sentence(findings: Sequence[Finding], subject: str) -> str:
    counts = Counter(finding.outcome for finding in findings)
    if counts["broken"]:
        verdict = f"{subject} does NOT conform: {counts['broken']} of {len(findings)} are broken"
        if of_library := sum(finding.of_library for finding in findings):
            verdict += f", {of_library} of them by the library itself"
    elif counts["not checked"]:
        verdict = f"{subject}: nothing is broken, but {counts['not checked']} could not be checked"
    else:
        verdict = f"{subject} conforms: {counts['met']} of {len(findings)} are met"
    return verdict + (f", {counts['not offered']} not offered" if counts["not offered"] else "")
