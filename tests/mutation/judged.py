"""Which modules are mutated, and which unit tests judge their mutants."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "tests/unit"

NAMED_BY: dict[str, re.Pattern[str]] = {
    "analysis/": re.compile(r"\banalysis\b|\btests\.histories\b|\btests\.unit\b"),
    "orchestrator/faults/": re.compile(r"\borchestrator\.faults\b"),
}
"""By how a module's path begins: what a file of unit tests names that is asked of its mutants. Of
those, a mutant is shown to the tests that run its lines (`tests.mutation.touched`)."""
ASK_OF_MUTANTS = ("test_mutation_testing", "test_mutator", "test_import_contracts")
"""These would judge their own work, or look at sources that a mutant in memory leaves alone."""


def judged() -> list[str]:
    """Every module that is mutated when none is named."""
    rooms = ("analysis/checks", "analysis/checks/forms", "analysis/ledger")
    found = [
        path.relative_to(ROOT).as_posix()
        for room in rooms
        for path in sorted((ROOT / room).glob("*.py"))
        if path.read_text().strip()
    ]
    summary = ["analysis/summary/verdict.py", "analysis/summary/expectations.py"]
    return [*summary, *found, "orchestrator/faults/certificate.py"]


def asked_about(module: str) -> list[str]:
    """The files of tests that judge a module's mutants."""
    named = next(named for start, named in NAMED_BY.items() if module.startswith(start))
    return [
        path.relative_to(ROOT).as_posix()
        for path in sorted(UNIT.glob("test_*.py"))
        if path.stem not in ASK_OF_MUTANTS and named.search(path.read_text())
    ]
