"""Which modules are mutated, and which unit tests judge their mutants."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
UNIT = "tests/unit/"

ASKED: dict[str, tuple[str, ...]] = {
    "analysis/": (
        "test_at_least",
        "test_backlog_after_a_kill",
        "test_boundaries_of_checks",
        "test_cache_figures",
        "test_certificates",
        "test_dedup",
        "test_duplicate_cause_boundaries",
        "test_duplicates_in_every_count",
        "test_effects_read_at_kills",
        "test_enqueues_told_once",
        "test_every_line_has_a_witness",
        "test_expectations",
        "test_fan_out",
        "test_final_read",
        "test_flag_boundaries",
        "test_forged_histories",
        "test_freeze_certificates",
        "test_held",
        "test_jobs_drawn_again",
        "test_ledger_against_sql",
        "test_ledger_boundaries",
        "test_lives",
        "test_nobody_left",
        "test_phases_in_order",
        "test_planted_faults",
        "test_questions_told_once",
        "test_recovery",
        "test_siblings_of_plans_and_texts",
        "test_siblings_of_rescues",
        "test_siblings_of_what_became_of_jobs",
        "test_siblings_of_witnesses",
        "test_unexpected_exits",
        "test_verdict",
        "test_what_a_pass_means",
        "test_what_a_rescue_owes",
        "test_whose_duplicates",
        "test_witnesses",
    ),
    "orchestrator/faults/": (
        "test_faults",
        "test_freeze_certificates",
        "test_injector",
        "test_repeated_kills",
    ),
}
"""By how a module's path begins: whose tests are asked. The whole suite could only find fewer
survivors; of these, a mutant is shown to those that run its lines (`tests.mutation.touched`)."""


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
    asked = next(names for start, names in ASKED.items() if module.startswith(start))
    return [f"{UNIT}{name}.py" for name in asked]
