"""Conformance finds nothing wrong with the libraries, and what is wrong with each wrong adapter.

An ordinary test run takes two wrong adapters; `make test-conformance` takes every library and every
wrong one, by the check that finds it out; `make nightly` asks each wrong one everything.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.commands.conformance.checks import NAMES
from orchestrator.commands.conformance.finding import Finding
from orchestrator.commands.conformance.trials import Subject, check_conformance
from orchestrator.errors import LibraryNotBuiltError
from orchestrator.libraries.build import Result, build_library
from orchestrator.libraries.library import find_library
from orchestrator.libraries.new_adapter import TEMPLATE_LANGUAGES, new_adapter
from orchestrator.libraries.toolchain import Missing, find_toolchain
from orchestrator.postgres.server import Server
from tests.toolchain import need_built, skip_or_fail
from worker_child.adapters import LIBRARIES
from worker_child.paths import built_root

WRONG_ADAPTERS = Path(__file__).parent.parent / "wrong_adapters"
REASONS: dict[str, tuple[str, str]] = {
    "acknowledges_first": ("acknowledges last", "acknowledged before its work"),
    "calls_every_answer_a_hit": ("cache hits", "was called a hit, and was asked 0.5 s and more"),
    "claims_a_transaction": ("transaction", "ran it again: it was not acknowledged with it"),
    "denies_its_rescue": ("rescue stated", "the preset states rescue = None, and"),
    "forgets_what_it_claimed": ("stop", "the library forgot what it had claimed: 2 rows"),
    "ignores_concurrency": ("concurrency kept", "had 8 executions open at once, 4 are allowed"),
    "ignores_stop": ("stop", "did not stop within 8 s"),
    "leaves_a_grandchild": ("nobody left", "what it had started outlived it: 1 process"),
    "leaves_a_parents_process": ("parent side", "left 1 running, enqueuers closed: /bin/sleep"),
    "lies_about_its_rows": ("rows claimed", "h000000 is queued, and it is being worked on"),
    "loses_an_event": ("every event", "has not written the line n ="),
    "miscounts_attempts": ("library attempts", "executed 3 times, library_attempt says [0, 0, 0]"),
    "never_gives_up": ("gives up", "was executed 6 times, and the preset states 3 attempts"),
    "never_ready": ("ready", "no child_ready within 15 s"),
    "outlives_its_parent": ("dies with parent", "its parent was killed, and it went on for 5 s"),
    "ready_too_soon": ("connections", "it was ready with 4 sessions, 4 of them for the jobs"),
    "reuses_execution_numbers": ("execution numbers", "used the execution number 1 more than once"),
    "serves_half_a_result": ("cache answers", "served 32768 bytes that are not its own 65536"),
    "spends_an_attempt_on_a_rescue": ("rescue attempts", "rescue_counts_as_attempt says 'no', and"),
    "states_a_short_bound": ("rescue bound", "the stated bound is too short: over"),
    "tells_a_wrong_delay": ("delays", "was to be retried 5.0 s after it failed, and was started"),
    "writes_overlong_lines": ("whole lines", "longer than 4096 bytes"),
}
"""By a wrong adapter: the check that must be broken, and what its reason says."""
REMARKS: dict[str, tuple[str, str]] = {
    "states_a_long_bound": ("rescue bound", "times the longest seen: over"),
}
"""By an adapter that is wrong in what costs time alone: the check that is met, with a remark."""
OF_THE_LIBRARY = ("forgets_what_it_claimed",)
"""What the queue itself does, and no adapter could mend."""

OF_A_CACHE = ("calls_every_answer_a_hit", "serves_half_a_result")
"""Controls, of which conformance is otherwise not asked."""

NOT_IN_A_TEMPLATE = {"transaction", "cache answers", "cache hits", "cache misses"}
"""Checks of what no new adapter offers as it is written."""

FOUND_OUT = ("acknowledges_first", "ignores_concurrency")
TESTED = [name for name in LIBRARIES if not name.startswith("control_")]

pytestmark = [pytest.mark.database, pytest.mark.slow, pytest.mark.timeout(420)]


def findings(
    library: str, server: Server, results: Path, only: Sequence[str] = NAMES
) -> dict[str, Finding]:
    """By a check's name: what it came to. A library that is not built is skipped, but not in CI."""
    subject = Subject(library, None, results, server.dsn)
    try:
        found = check_conformance(subject, only, lambda trial, took_s: None)
    except LibraryNotBuiltError as error:
        need_built(library)
        skip_or_fail(str(error))
    return {finding.name: finding for finding in found}


@contextmanager
def built_for_now(folder: Path) -> Iterator[None]:
    """Build what a new adapter needs, and leave nothing of it behind."""
    library = find_library(str(folder))
    if library.build is not None and isinstance(lacks := find_toolchain(library.build), Missing):
        skip_or_fail(lacks.remedy)
    try:
        outcome = build_library(library, say=lambda _: None)
        assert outcome.result in (Result.BUILT, Result.STANDS), outcome.text
        yield
    finally:
        shutil.rmtree(built_root() / library.name, ignore_errors=True)


@pytest.mark.every_adapter
@pytest.mark.parametrize("library", TESTED)
def test_a_library_conforms(library: str, server: Server, tmp_path: Path) -> None:
    found = findings(library, server, tmp_path)

    assert [f for f in found.values() if f.outcome not in ("met", "not offered")] == []
    assert tuple(found) == NAMES


@pytest.mark.every_adapter
@pytest.mark.parametrize("language", TEMPLATE_LANGUAGES)
def test_a_new_adapter_conforms_as_it_was_written(
    language: Any, server: Server, tmp_path: Path
) -> None:
    folder = new_adapter(f"new_{language}_queue", language, tmp_path)
    with built_for_now(folder):
        found = findings(str(folder), server, tmp_path)

    assert [f for f in found.values() if f.outcome not in ("met", "not offered")] == []
    assert {f.name for f in found.values() if f.outcome == "not offered"} == NOT_IN_A_TEMPLATE


@pytest.mark.every_check
@pytest.mark.parametrize("name", [name for name in REASONS if name not in OF_A_CACHE])
def test_a_wrong_adapter_does_not_conform_and_the_reason_is_named(
    name: str, server: Server, tmp_path: Path
) -> None:
    check, reason = REASONS[name]

    found = findings(str(WRONG_ADAPTERS / name), server, tmp_path)

    assert found[check].outcome == "broken"
    assert reason in found[check].reason
    assert found[check].of_library == (name in OF_THE_LIBRARY)


@pytest.mark.every_adapter
@pytest.mark.parametrize("name", REMARKS)
def test_what_costs_time_alone_is_a_remark(name: str, server: Server, tmp_path: Path) -> None:
    check, remark = REMARKS[name]

    found = findings(str(WRONG_ADAPTERS / name), server, tmp_path, [check])

    assert found[check].outcome == "met" and remark in found[check].reason


@pytest.mark.every_adapter
@pytest.mark.parametrize(("preset", "outcome"), [("stock", "met"), ("runs_twice", "broken")])
def test_callers_that_miss_at_once_are_to_be_served_by_one_execution(
    preset: str, outcome: str, server: Server, tmp_path: Path
) -> None:
    subject = Subject("control_cache", preset, tmp_path, server.dsn)

    (found,) = check_conformance(subject, ["cache misses"], lambda trial, took_s: None)

    assert found.outcome == outcome


@pytest.mark.every_adapter
def test_a_claimed_transaction_is_found_to_be_kept(server: Server, tmp_path: Path) -> None:
    subject = Subject("river", "transactional", tmp_path, server.dsn)
    try:
        (found,) = check_conformance(subject, ["transaction"], lambda trial, took_s: None)
    except LibraryNotBuiltError as error:
        skip_or_fail(str(error))

    assert found.outcome == "met"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in FOUND_OUT else pytest.mark.every_adapter)
        for name in REASONS
    ],
)
def test_one_check_alone_finds_what_is_wrong(name: str, server: Server, tmp_path: Path) -> None:
    check, reason = REASONS[name]

    found = findings(str(WRONG_ADAPTERS / name), server, tmp_path, [check])

    assert list(found) == [check]
    assert found[check].outcome == "broken" and reason in found[check].reason
    assert found[check].of_library == (name in OF_THE_LIBRARY)


def test_every_wrong_adapter_is_tested() -> None:
    assert sorted(REASONS | REMARKS) == sorted(
        path.parent.name for path in WRONG_ADAPTERS.glob("*/*.toml")
    )
