"""Mutation testing judges what it says, with tests that exist, and lists who survives."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest
from cosmic_ray import work_item
from cosmic_ray.work_db import WorkDB, use_db
from hypothesis import settings

from tests.examples import EVERYDAY, MUTATION, examples
from tests.mutation.judged import ROOT, asked_about, judged
from tests.mutation.live import (
    called_meanwhile,
    live_functions,
    put_into_functions,
    put_into_import,
)
from tests.mutation.mutants import forget_survivors, open_session
from tests.mutation.pytest_in_process import TOO_LONG, first_failing, in_fork
from tests.mutation.survivors import LISTED, Survivor, Tally, disagreements, listed, tally
from tests.mutation.touched import ASKED_CPU_S, Choice, Touch

SOURCE = '''from dataclasses import dataclass

@dataclass(frozen=True)
class Weight:
    """1 < 2"""

    grams: int | None = None


def heavy(weight: Weight | None) -> bool:
    return weight is not None and weight.grams < 5
'''
ONE = Survivor("analysis/ledger/flags.py", "_late", "a = b | c", "a = b & c")


def test_every_module_has_tests_that_exist() -> None:
    for module in judged():
        assert (ROOT / module).is_file()
        for tests in asked_about(module):
            assert (ROOT / tests).is_file(), f"{tests}, of {module}"


def session_of(source: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    Path("weight.py").write_text(source)
    return open_session(folder, "weight.py", Path("weight.py"))


def test_neither_texts_nor_annotations_are_mutated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_of(SOURCE, tmp_path, monkeypatch)
    with use_db(str(session), WorkDB.Mode.open) as database:
        operators = sorted(i.mutations[0].operator_name for i in database.pending_work_items)

    assert [name.removeprefix("core/") for name in operators] == [
        "NumberReplacer",
        "NumberReplacer",
        "RemoveDecorator",
        "ReplaceAndWithOr",
        "ReplaceComparisonOperator_IsNot_Is",
        "ReplaceComparisonOperator_Lt_GtE",
        "ReplaceComparisonOperator_Lt_LtE",
    ]


def test_a_star_that_unpacks_is_no_product(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacking = "WHOLE = {**PARTS, **dict(*PAIRS, **MORE), 'area': WIDTH * HEIGHT}\n"
    session = session_of(unpacking, tmp_path, monkeypatch)
    with use_db(str(session), WorkDB.Mode.open) as database:
        (only,) = database.pending_work_items

    assert only.mutations[0].start_pos == (1, unpacking.index("* HEIGHT"))


def test_a_session_lasts_until_its_module_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_of(SOURCE, tmp_path, monkeypatch)
    killed = work_item.WorkResult(
        work_item.WorkerOutcome.NORMAL, None, work_item.TestOutcome.KILLED, "a\nb"
    )
    lived = work_item.WorkResult(
        work_item.WorkerOutcome.NORMAL, None, work_item.TestOutcome.SURVIVED, "a < b\na <= b"
    )
    with use_db(str(session), WorkDB.Mode.open) as database:
        first, second, *_ = database.pending_work_items
        database.set_result(first.job_id, killed)
        database.set_result(second.job_id, lived)

    counted = tally("weight.py", session_of(SOURCE, tmp_path, monkeypatch))
    assert (counted.killed, counted.survived, counted.pending) == (1, 1, 5)
    assert counted.score == 0.5
    assert [(one.before, one.after) for one in counted.survivors] == [("a < b", "a <= b")]

    forget_survivors(session)
    again = tally("weight.py", session)
    assert (again.killed, again.survived, again.pending) == (1, 0, 6)

    changed = tally("weight.py", session_of(SOURCE + "\n", tmp_path, monkeypatch))
    assert (changed.killed, changed.survived, changed.pending) == (0, 0, 7)


def test_a_survivor_without_a_row_and_a_row_without_a_survivor_are_told() -> None:
    page = ONE.row("nothing tells them apart")
    known = listed(page)
    whole = Tally(ONE.module, killed=3, survived=1, survivors=[ONE])

    assert known == {ONE: "nothing tells them apart"}
    assert disagreements([whole], known) == []
    assert disagreements([whole], {}) == [f"not listed: {ONE.row('?')}"]
    assert disagreements([Tally(ONE.module, killed=4)], known) == [
        f"listed, but killed or gone: {page}"
    ]
    assert disagreements([Tally(ONE.module, pending=1)], known) == []


def test_every_listed_survivor_has_a_reason_and_stands_in_its_module() -> None:
    for one, reason in listed(LISTED.read_text()).items():
        assert len(reason) > 10, one
        lines = {line.strip() for line in (ROOT / one.module).read_text().splitlines()}
        assert one.before in lines, one


def test_only_under_its_profile_do_property_tests_draw_fewer_examples() -> None:
    before = settings.get_current_profile_name()
    try:
        settings.load_profile(EVERYDAY)
        assert examples(2000) == 2000
        settings.load_profile(MUTATION)
        assert (examples(2000), examples(20)) == (50, 20)
    finally:
        settings.load_profile(before)


FUNCTIONS = """LIMIT = 5
TABLE = {"over": lambda grams: grams > 5, "none": lambda grams: grams == 0}
EVEN = [grams % 2 == 0 for grams in (1, 2)]


def heavy(grams: int) -> bool:
    return grams > 5


class Scales:
    first = 1

    def all_heavy(self, grams: list[int]) -> bool:
        return all(one > 5 for one in grams)
"""


@pytest.fixture
def scales(tmp_path: Path) -> tuple[str, dict[str, Any]]:
    """A module that is imported: its path, and its namespace."""
    path = str(tmp_path / "scales.py")
    namespace: dict[str, Any] = {"__name__": "scales"}
    exec(compile(FUNCTIONS, path, "exec", dont_inherit=True), namespace)  # noqa: S102
    return path, namespace


def put_in(path: str, before: str, after: str) -> bool:
    assert FUNCTIONS.count(before) == 1
    changed = FUNCTIONS.replace(before, after)
    return put_into_functions(live_functions(path), path, FUNCTIONS, changed)


def test_whoever_holds_a_function_calls_its_mutant(scales: tuple[str, dict[str, Any]]) -> None:
    path, namespace = scales
    held, over = namespace["heavy"], namespace["TABLE"]["over"]
    weigh = namespace["Scales"]().all_heavy
    assert not held(5) and not over(5) and not weigh([5])

    assert put_in(path, "return grams > 5", "return grams >= 5")
    assert held(5)
    assert put_in(path, "lambda grams: grams > 5", "lambda grams: grams >= 5")
    assert over(5)
    assert put_in(path, "one > 5", "one >= 5")
    assert weigh([5])


@pytest.mark.parametrize(
    ("before", "after"),
    [("LIMIT = 5", "LIMIT = 6"), ("grams % 2 == 0", "grams % 2 != 0"), ("first = 1", "first = 2")],
)
def test_what_is_done_at_import_is_not_put_into_functions(
    before: str, after: str, scales: tuple[str, dict[str, Any]]
) -> None:
    path, _ = scales
    assert not put_in(path, before, after)


def test_what_a_function_made_while_its_module_was_imported_is_not_put_into_it(
    tmp_path: Path,
) -> None:
    source = """def over(limit):
    return lambda grams: grams > limit

HEAVY = over(5)

def light(grams):
    return not HEAVY(grams)
"""
    path = str(tmp_path / "limits.py")
    namespace: dict[str, Any] = {"__name__": "limits"}
    with called_meanwhile({path}) as called:
        exec(compile(source, path, "exec", dont_inherit=True), namespace)  # noqa: S102
    live, closure = live_functions(path), source.replace("grams > limit", "grams >= limit")
    assert not put_into_functions(live, path, source, closure, called)

    turned = source.replace("return not HEAVY", "return HEAVY")
    assert put_into_functions(live, path, source, turned, called)
    assert namespace["light"](6)


def test_a_module_that_is_yet_to_be_imported_is_made_of_the_mutant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "yet_to_come.py").write_text("LIMIT = 5\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    put_into_import("yet_to_come.py", "LIMIT = 6\n")
    try:
        assert importlib.import_module("yet_to_come").LIMIT == 6
    finally:
        sys.modules.pop("yet_to_come", None)


def test_a_fork_that_never_ends_is_ended_by_its_share_of_a_processor() -> None:
    def for_ever() -> int:
        while True:
            pass

    assert in_fork(for_ever, cpu_s=0.0) in TOO_LONG
    assert in_fork(lambda: 3, cpu_s=10.0) == 3


def test_a_fork_that_breaks_says_why(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="before its tests had judged"):
        in_fork(lambda: [3][1], cpu_s=10.0)
    assert "IndexError" in capfd.readouterr().err


def test_a_mutant_that_no_test_runs_survives() -> None:
    assert first_failing([]) is None


def test_of_a_mutant_those_are_asked_who_run_its_function_the_killers_first() -> None:
    module = "analysis/checks/naming.py"
    source = (ROOT / module).read_text().splitlines()
    first = next(n for n, line in enumerate(source, 1) if line.startswith("def jobs_named"))
    lines = frozenset({first + 2, first + 3})
    touches = {
        "slow": Touch(0.5, {module: lines}),
        "quick": Touch(0.1, {module: lines, "analysis/checks/rows.py": lines}),
        "close": Touch(0.2, {module: lines, "analysis/checks/rows.py": frozenset({1})}),
        "elsewhere": Touch(0.1, {"analysis/checks/rows.py": lines}),
        "endless": Touch(ASKED_CPU_S, {module: lines, "analysis/checks/rows.py": lines}),
    }
    choice = Choice(module, touches)

    assert choice.asked(first + 2) == ["slow", "close", "quick"]
    choice.killed_by(first + 2, "quick")
    assert choice.asked(first + 3) == ["quick", "slow", "close"]
    assert "elsewhere" not in choice.asked(1)
