"""Judges one module's mutants: `python -m tests.mutation.one_module MODULE SESSION [OPTION ...]`.

Runs inside a copy of the tree, whose module it changes again and again. Everything that a mutant
cannot touch is imported once; each mutant is judged by a fork of this process. The options go to
pytest. A mutant is *killed* when a test fails, when the module no longer can be imported, or when
the tests take longer than they may.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import signal
import sys
import time
from pathlib import Path

import pytest
from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkItem, WorkResult

import orchestrator.paths
from tests.mutation.judged import asked_about

SHARED = (
    "orchestrator.history",
    "orchestrator.scenario",
    "orchestrator.postgres",
    "orchestrator.libraries",
)
"""Rooms that import nothing of what is mutated (the import contracts see to that)."""
THIRD_PARTIES = ("hypothesis.strategies", "numpy", "rich.console", "rich.table", "duckdb", "hdrh")
MUTATED = ("analysis", "orchestrator.faults")
SAID = Path("what_pytest_said.txt")
"""Of the tests run last; in the copy's folder."""
PASS_AS_THEY_ARE = Path("pass_as_they_are.txt")
NO_JUDGEMENT = 70
"""What a fork ends with in which pytest itself broke."""
LONGEST_S = 180.0
SEES = "not (width or stalled_parent or lacks_a_row)"
"""Tests that ask something else, or the oracle: slow, and no mutant dies of them alone."""
UNREWRITTEN = ("-W", "ignore:Module already imported so cannot be rewritten")
PLUGINS = ("-p", "pytest_timeout", "-p", "_hypothesis_pytestplugin", "-p", "no:cacheprovider")
"""Looking for others takes longer than most mutants live."""
QUIET = ("-q", "-x", "-m", "not database", "-k", SEES, *PLUGINS, *UNREWRITTEN)
PASSED = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
FAILED_OR_UNIMPORTABLE = (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)


def import_what_is_shared() -> None:
    """Once for all mutants."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    here = Path(orchestrator.paths.__file__)
    assert here.is_relative_to(Path.cwd()), f"{here} would be judged instead of the copy"
    for room in SHARED:
        package = importlib.import_module(room)
        for found in pkgutil.walk_packages(package.__path__, f"{room}."):
            importlib.import_module(found.name)
    for heavy in THIRD_PARTIES:
        importlib.import_module(heavy)
    touched = [name for name in sys.modules if name.startswith(MUTATED)]
    assert not touched, f"imported before they are mutated: {touched}"


def run_tests(arguments: list[str]) -> int | None:
    """pytest's exit code in a fork of this process; None = it took too long and was killed."""
    child = os.fork()
    if child == 0:
        os.setsid()
        said = os.open(SAID, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        code = NO_JUDGEMENT
        try:
            code = int(pytest.main(arguments))
        finally:
            os._exit(code)
    until = time.monotonic() + LONGEST_S
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def fail_unmutated(module: str, options: list[str]) -> bool:
    """Whether the module's tests fail as they are; each file is asked once in a tree."""
    known = PASS_AS_THEY_ARE.read_text().split() if PASS_AS_THEY_ARE.exists() else []
    for tests in asked_about(module):
        if tests in known:
            continue
        if run_tests([*QUIET, *options, tests]) not in PASSED:
            return True
        with PASS_AS_THEY_ARE.open("a") as file:
            file.write(f"{tests}\n")
    return False


def first_failure(module: str, options: list[str]) -> int | None:
    """What the first file of tests that does not pass ends with; 0 = all pass."""
    codes = (run_tests([*QUIET, *options, tests]) for tests in asked_about(module))
    return next((code for code in codes if code not in PASSED), 0)


def judge(item: WorkItem, options: list[str]) -> WorkResult:
    """What becomes of one mutant. Raises RuntimeError where pytest did not judge it."""
    (mutation,) = item.mutations
    operator = get_operator(mutation.operator_name)()
    module = mutation.module_path
    with use_mutation(module, operator, mutation.occurrence) as (before, after):
        if after is None:
            return WorkResult(worker_outcome=WorkerOutcome.NO_TEST)
        code = first_failure(module.as_posix(), options)
    if code is not None and code > 0 and code not in FAILED_OR_UNIMPORTABLE:
        raise RuntimeError(f"pytest ended with {code} on {mutation}: it judged nothing")
    return WorkResult(
        worker_outcome=WorkerOutcome.NORMAL,
        test_outcome=TestOutcome.SURVIVED if code == 0 else TestOutcome.KILLED,
        output="too long" if code is None else f"pytest: {code}",
        diff=_changed_lines(before, after),
    )


def _changed_lines(before: str, after: str) -> str:
    pairs = zip(before.splitlines(), after.splitlines(), strict=False)
    return "\n".join(f"{old.strip()}\n{new.strip()}" for old, new in pairs if old != new)


def main(module: str, session: str, options: list[str]) -> int:
    """0 = every mutant of the module has been judged; 2 = the tests fail without any mutant."""
    import_what_is_shared()
    if fail_unmutated(module, options):
        said = SAID.read_text()
        print(f"{module}: its tests fail already without a mutant:\n{said}")  # noqa: T201
        return 2
    for stale in (Path(module).parent / "__pycache__").glob(f"{Path(module).stem}.*.pyc"):
        stale.unlink()
    sys.dont_write_bytecode = True
    with use_db(session, WorkDB.Mode.open) as database:
        for item in list(database.pending_work_items):
            database.set_result(item.job_id, judge(item, options))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
