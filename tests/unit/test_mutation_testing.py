"""Mutation testing judges what it says, with tests that exist, and lists who survives."""

from __future__ import annotations

from pathlib import Path

import pytest
from cosmic_ray import work_item
from cosmic_ray.work_db import WorkDB, use_db
from hypothesis import settings

from tests.examples import EVERYDAY, MUTATION, examples
from tests.mutation.judged import ROOT, asked_about, judged
from tests.mutation.mutants import forget_survivors, open_session
from tests.mutation.survivors import LISTED, Survivor, Tally, disagreements, listed, tally

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
