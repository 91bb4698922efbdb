"""Which modules are mutated, and which unit tests judge their mutants."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
UNIT = "tests/unit/"

WHOLE = (
    "test_planted_faults",
    "test_forged_histories",
    "test_what_a_pass_means",
    "test_siblings_of_what_became_of_jobs",
    "test_siblings_of_rescues_and_witnesses",
)
"""They read a whole history each, and so see whatever its judgement comes to."""
ASKED: dict[str, tuple[str, ...]] = {
    "analysis/summary/verdict.py": (
        "test_verdict",
        "test_unexpected_exits",
        "test_expectations",
        *WHOLE,
    ),
    "analysis/summary/expectations.py": ("test_expectations", *WHOLE),
    "analysis/ledger/": (
        "test_ledger_boundaries",
        *WHOLE,
        "test_fan_out",
        "test_ledger_against_sql",
    ),
    "analysis/checks/certificates.py": ("test_certificates", *WHOLE, "test_recovery"),
    "analysis/checks/forms/": (
        "test_certificates",
        "test_freeze_certificates",
        *WHOLE,
        "test_recovery",
    ),
    "analysis/checks/": (*WHOLE, "test_witnesses", "test_final_read", "test_held", "test_dedup"),
    "orchestrator/faults/": ("test_injector", "test_repeated_kills", "test_faults"),
}
"""By how a module's path begins: what is asked, in this order; most mutants die in the first file.

Seconds for a mutant, not minutes: the whole suite could only find fewer survivors.
"""


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
    """The files of tests that judge a module's mutants, in the order in which they are asked."""
    asked = next(names for start, names in ASKED.items() if module.startswith(start))
    return [f"{UNIT}{name}.py" for name in asked]
