"""``crashbench conformance``: what it does, from the names given to the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from rich.console import Console

from orchestrator.commands.conformance.checks import chosen, trials_for
from orchestrator.commands.conformance.table import exit_code, print_findings, print_progress
from orchestrator.commands.conformance.trials import Subject, check_conformance
from orchestrator.history.files import require_writable


def run_conformance(subject: Subject, only: Sequence[str], console: Console) -> int:
    """Check one adapter; returns the exit code. Raises `CrashbenchError`."""
    names = chosen(only)
    trials = trials_for(names)
    request = subject.request("held")
    require_writable(subject.results)
    title = f"{request.library} ({request.preset.name})"
    console.print(f"{title}: checks: {len(names)}, trials: {len(trials)}", highlight=False)
    done = count(1)
    findings = check_conformance(
        subject,
        names,
        lambda trial, took_s: print_progress(trial, took_s, next(done), len(trials), console),
    )
    print_findings(findings, title, console)
    return exit_code(findings)
