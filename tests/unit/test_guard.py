"""An adapter's own errors are said of the adapter; what is not its fault passes through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest

from orchestrator.errors import AdapterError, AdapterSqlError
from orchestrator.libraries.guard import GuardedAdapter
from worker_child.adapters.contract import (
    Accepted,
    Adapter,
    EnqueueResult,
    InboxRow,
    OutgoingJob,
    Preset,
    UnusableWorkersError,
    Workers,
)
from worker_child.adapters.program import NotBuiltError, ProgramFailedError

HERE = Path(__file__).resolve()
CONNECTION = cast("psycopg.Connection[Any]", None)
PRESET = Preset("stock", {}, None, {})
JOBS = [OutgoingJob(f"j{number}", "entity_update", b"{}") for number in range(3)]


class Raising:
    """Raises the same in each call, the rows' only after the first row."""

    name = "mine"
    presets = ("stock",)

    def __init__(self, error: Exception, results: Sequence[EnqueueResult] = ()) -> None:
        self.error = error
        self.results = list(results)

    def fail(self, *_: object, **__: object) -> Any:
        raise self.error

    install = preset = version = counts = child_argv = fail

    def rows(self, *_: object) -> Iterator[InboxRow]:
        yield InboxRow("j0", "1", "queued")
        raise self.error

    def enqueuer(self, *_: object, keyed: bool) -> Raising:
        return self

    def enqueue(self, jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        if self.results:
            return self.results
        raise self.error

    def close(self) -> None:
        pass


CALLS = {
    "install()": lambda adapter: adapter.install("dsn"),
    "counts()": lambda adapter: adapter.counts(CONNECTION),
    "rows()": lambda adapter: adapter.rows(CONNECTION, PRESET),
    "enqueue()": lambda adapter: adapter.enqueuer("dsn", PRESET, keyed=False).enqueue(JOBS),
    "version()": lambda adapter: adapter.version(),
    "child_argv()": lambda adapter: adapter.child_argv(),
}


def guarded(error: Exception, results: Sequence[EnqueueResult] = ()) -> GuardedAdapter:
    return GuardedAdapter(cast("Adapter", Raising(error, results)), "mine", HERE.parent)


@pytest.mark.parametrize("call", CALLS)
def test_an_exception_of_an_adapter_is_a_sentence_with_its_file_and_line(call: str) -> None:
    with pytest.raises(AdapterError) as caught:
        CALLS[call](guarded(KeyError("nothing")))
    said = str(caught.value)
    assert said.startswith(f"mine's adapter failed in {call}: {HERE}:")
    assert said.endswith("KeyError: 'nothing'")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("call", ["install()", "counts()", "rows()"])
@pytest.mark.parametrize(
    "error", [psycopg.errors.UndefinedTable, psycopg.errors.InvalidTextRepresentation]
)
def test_a_statement_that_the_server_refuses_is_the_adapters_mistake(
    call: str, error: type[psycopg.Error]
) -> None:
    with pytest.raises(
        AdapterSqlError, match=rf"asked of it in {call[:-2]}\(\): .*\.py:\d+: "
    ) as caught:
        CALLS[call](guarded(error("relation nowhere does not exist")))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("call", ["install()", "counts()", "rows()", "enqueue()"])
@pytest.mark.parametrize("error", [psycopg.OperationalError, psycopg.errors.AdminShutdown])
def test_a_database_that_is_gone_is_not_the_adapters_fault(
    call: str, error: type[psycopg.Error]
) -> None:
    with pytest.raises(error):
        CALLS[call](guarded(error("the connection is closed")))


def test_a_refused_enqueue_is_for_the_producer_to_judge() -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        CALLS["enqueue()"](guarded(psycopg.errors.UniqueViolation("taken")))


@pytest.mark.parametrize("error", [ProgramFailedError, NotBuiltError])
def test_a_program_of_the_librarys_own_speaks_for_itself(error: type[Exception]) -> None:
    with pytest.raises(error):
        CALLS["install()"](guarded(error("its migration failed")))


def test_workers_that_the_library_cannot_run_with_are_no_error_of_the_adapter() -> None:
    with pytest.raises(UnusableWorkersError):
        guarded(UnusableWorkersError("two or more")).preset("stock", Workers(1, 1, 1, 1, 1.0))


def test_an_enqueue_owes_one_result_for_each_job() -> None:
    adapter = guarded(KeyError(), [Accepted("1"), Accepted("2")])
    with pytest.raises(AdapterError, match=r"answered 3 jobs of one enqueue\(\) with 2 results"):
        CALLS["enqueue()"](adapter)


def test_what_an_adapter_does_well_comes_through() -> None:
    results: list[EnqueueResult] = [Accepted("1"), Accepted("2"), Accepted("3")]
    adapter = guarded(KeyError(), results)
    assert adapter.enqueuer("dsn", PRESET, keyed=False).enqueue(JOBS) == results
    assert (adapter.name, adapter.presets, adapter.offers) == ("mine", ("stock",), {})
    assert adapter.audit(CONNECTION) == []
