"""Judges the mutants of some modules: `python -m tests.mutation.one_job FOLDER OPTIONS MODULE ...`.

Everything is imported and collected once; each mutant is judged by a fork of that process, in
which its functions get the mutant's code. What is done at import, also by a function that is called
then, is judged by a fork that has imported none of what is mutated. No file is ever changed. A
mutant is *killed* when a test fails, when its module no longer can be imported, or when the tests
take longer than they may.
"""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import sys
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path
from types import CodeType

import pytest
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkerOutcome, WorkItem, WorkResult

import orchestrator.paths
from tests.mutation.judged import ROOT, asked_about
from tests.mutation.live import (
    called_meanwhile,
    live_functions,
    put_into_functions,
    put_into_import,
)
from tests.mutation.mutants import open_session
from tests.mutation.pytest_in_process import (
    QUIET,
    TOO_LONG,
    first_failing,
    in_fork,
    with_collected,
)
from tests.mutation.touched import ASKED_CPU_S, Choice, touches_of

SHARED = (
    "orchestrator.history",
    "orchestrator.scenario",
    "orchestrator.postgres",
    "orchestrator.libraries",
)
"""Rooms that import nothing of what is mutated (the import contracts see to that)."""
THIRD_PARTIES = ("hypothesis.strategies", "numpy", "rich.console", "rich.table", "duckdb", "hdrh")
MUTATED = ("analysis", "orchestrator.faults")
CPU_S = 3 * ASKED_CPU_S + 10
"""A mutant's tests may take so much longer than without it."""
KILLED, SURVIVED, DONE_AT_IMPORT = 1, 0, 3
FAILED_OR_UNIMPORTABLE = (
    pytest.ExitCode.TESTS_FAILED,
    pytest.ExitCode.INTERRUPTED,
    pytest.ExitCode.USAGE_ERROR,
)
"""The last: a test is named whose file can no longer be imported. Without the mutant it could."""


def import_what_is_shared() -> None:
    """Once for all mutants."""
    here = Path(orchestrator.paths.__file__)
    assert here.is_relative_to(ROOT), f"{here} would be judged instead of the checkout"
    for room in SHARED:
        package = importlib.import_module(room)
        for found in pkgutil.walk_packages(package.__path__, f"{room}."):
            importlib.import_module(found.name)
    for heavy in THIRD_PARTIES:
        importlib.import_module(heavy)
    touched = [name for name in sys.modules if name.startswith(MUTATED)]
    assert not touched, f"imported before they are mutated: {touched}"


Judge = Callable[[MutationSpec, str, str], int | None]
"""What becomes of a mutant, given the sources before and after; None = another way must tell."""


class Job:
    """The modules of one process, and who is asked about them."""

    def __init__(self, folder: Path, options: list[str], modules: list[str]) -> None:
        self._folder = folder
        self._options = options
        self._modules = modules
        asked = {module: asked_about(module) for module in modules}
        self._files = sorted({tests for files in asked.values() for tests in files})
        touches = touches_of(folder, self._files)
        self._choices = {
            module: Choice(
                module,
                {
                    test: touch
                    for test, touch in touches.items()
                    if test.partition("::")[0] in files
                },
            )
            for module, files in asked.items()
        }

    def judge_functions(self) -> int:
        """All mutants of functions, in one process that has collected the tests."""
        paths = {str(ROOT / module) for module in self._modules}
        with ExitStack() as collecting:
            called = collecting.enter_context(called_meanwhile(paths))

            def judge(items: list[pytest.Item]) -> None:
                collecting.close()
                self._with_items(items, called)

            return int(with_collected([*self._options, *self._files], judge))

    def _with_items(self, items: list[pytest.Item], called: Collection[CodeType]) -> None:
        by_id = {item.nodeid: item for item in items}
        for module in self._modules:
            path = str(ROOT / module)
            importlib.import_module(module.removesuffix(".py").replace("/", "."))
            live = live_functions(path)
            gc.freeze()
            choice = self._choices[module]

            def judge(mutation: MutationSpec, before: str, after: str) -> int | None:
                line = mutation.start_pos[0]
                chosen = [by_id[test] for test in choice.asked(line)]  # noqa: B023
                reading, writing = os.pipe()

                def ask() -> int:
                    if not put_into_functions(live, path, before, after, called):  # noqa: B023
                        return DONE_AT_IMPORT
                    killer = first_failing(chosen)
                    if killer is None:
                        return SURVIVED
                    os.write(writing, killer.nodeid.encode())
                    return KILLED

                code = in_fork(ask, CPU_S)
                os.close(writing)
                killer = os.read(reading, 4096).decode()
                os.close(reading)
                if killer:
                    choice.killed_by(line, killer)  # noqa: B023
                return None if code == DONE_AT_IMPORT else code

            self._judge_pending(module, judge)
            gc.unfreeze()

    def judge_imports(self) -> None:
        """What is left: mutants of what is done at import, each in a process of its own."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for module in self._modules:
            choice = self._choices[module]

            def judge(mutation: MutationSpec, _before: str, after: str) -> int:
                asked = choice.asked(mutation.start_pos[0])  # noqa: B023

                def ask() -> int:
                    for stream in (1, 2):
                        os.dup2(nowhere, stream)
                    put_into_import(module, after)  # noqa: B023
                    return int(pytest.main([*QUIET, *self._options, *asked]))

                return in_fork(ask, CPU_S)

            self._judge_pending(module, judge)

    def _judge_pending(self, module: str, judge: Judge) -> None:
        before = (ROOT / module).read_text()
        session = open_session(self._folder, module, ROOT / module)
        with use_db(str(session), WorkDB.Mode.open) as database:
            for item in list(database.pending_work_items):
                result = _result(item, before, judge)
                if result is not None:
                    database.set_result(item.job_id, result)


def _result(item: WorkItem, before: str, judge: Judge) -> WorkResult | None:
    """What becomes of one mutant. Raises RuntimeError where nothing judged it."""
    (mutation,) = item.mutations
    operator = get_operator(mutation.operator_name)()
    after = mutate_code(before, operator, mutation.occurrence)
    if after is None:
        return WorkResult(worker_outcome=WorkerOutcome.NO_TEST)
    code = judge(mutation, before, after)
    if code is None:
        return None
    if code not in (SURVIVED, KILLED, *FAILED_OR_UNIMPORTABLE, *TOO_LONG):
        raise RuntimeError(f"the tests ended with {code} on {mutation}: they judged nothing")
    return WorkResult(
        worker_outcome=WorkerOutcome.NORMAL,
        test_outcome=TestOutcome.SURVIVED if code == SURVIVED else TestOutcome.KILLED,
        output="too long" if code in TOO_LONG else f"pytest: {code}",
        diff=_changed_lines(before, after),
    )


def _changed_lines(before: str, after: str) -> str:
    pairs = zip(before.splitlines(), after.splitlines(), strict=False)
    return "\n".join(f"{old.strip()}\n{new.strip()}" for old, new in pairs if old != new)


def main(folder: Path, options: list[str], modules: list[str]) -> int:
    """0 = every mutant of the modules has been judged."""
    import_what_is_shared()
    job = Job(folder, options, modules)
    child = os.fork()
    if child == 0:
        code = 2
        try:
            code = job.judge_functions()
        finally:
            sys.stdout.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code:
        return code
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    job.judge_imports()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2].split(), sys.argv[3:]))
