"""An adapter that raises within a run: the run ends with a sentence about it, and its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.errors import AdapterError, AdapterSqlError, CrashbenchError
from orchestrator.libraries.new_adapter import new_adapter
from orchestrator.run.request import make_request
from orchestrator.run.run import carry_out
from orchestrator.scenario.load import load_scenario
from tests.conftest import Database

pytestmark = pytest.mark.database

SCENARIO = Path(__file__).parent.parent / "scenarios" / "tiny_kill.toml"
RAISES = "raise KeyError('nothing')"
"""What stands in the place of a call's body."""
ASKS_FOR_NOTHING = "args[1].execute('SELECT FROM nowhere')"


def broken(folder: Path, name: str, call: str, body: str) -> tuple[Path, str]:
    """A new adapter of which one call is wrong; its folder, and where the mistake stands."""
    made = new_adapter(name, "python", folder)
    inbox = made / "inbox.py"
    before = inbox.read_text()
    owner = f"{name.capitalize()}{'Enqueuer' if call == 'enqueue' else 'Adapter'}"
    mistake = f"\n\ndef _wrong(*args, **_):\n    {body}\n\n\n{owner}.{call} = _wrong\n"
    inbox.write_text(before + mistake)
    return made, f"{inbox}:{len(before.splitlines()) + 4}: "


def end_of_run(made: Path, database: Database, results: Path) -> tuple[CrashbenchError, Path]:
    """With what a run against it ends, and its history so far."""
    request = make_request(
        load_scenario(str(SCENARIO)),
        library=str(made),
        preset=None,
        ordinal=1,
        dsn=database.dsn,
        results=results,
        overwrite=False,
    )
    with pytest.raises(CrashbenchError) as caught:
        carry_out(request, lambda status: None)
    return caught.value, results / f"{request.run_id}.jsonl.partial"


@pytest.mark.parametrize("call", ["install", "counts", "rows", "enqueue"])
def test_its_exception_is_a_sentence_with_file_and_line_and_exit_code_2(
    call: str, database: Database, tmp_path: Path
) -> None:
    made, place = broken(tmp_path, f"wrong{call}", call, RAISES)
    error, history = end_of_run(made, database, tmp_path / "results")
    assert type(error) is AdapterError
    assert error.exit_code == 2
    assert str(error) == f"wrong{call}'s adapter failed in {call}(): {place}KeyError: 'nothing'"
    if call != "install":
        last = json.loads(history.read_text().splitlines()[-1])
        assert (last["kind"], last["fields"]["ended"]) == ("run_end", "failed")
        assert place in last["fields"]["error"]


def test_a_statement_of_its_own_that_the_server_refuses_is_told_so_too(
    database: Database, tmp_path: Path
) -> None:
    made, place = broken(tmp_path, "wrongsql", "counts", ASKS_FOR_NOTHING)
    error, _ = end_of_run(made, database, tmp_path / "results")
    assert type(error) is AdapterSqlError
    assert error.exit_code == 2
    assert f"in counts(): {place}UndefinedTable: " in str(error)


def test_a_null_where_a_row_must_say_yes_or_no_is_told_so_too(
    database: Database, tmp_path: Path
) -> None:
    body = (
        "from worker_child.adapters.contract import InboxRow;"
        " return [InboxRow(None, '1', 'done', picked_after_done=None)]"
    )
    made, _ = broken(tmp_path, "wrongnull", "rows", body)
    error, _ = end_of_run(made, database, tmp_path / "results")
    assert type(error) is AdapterError
    assert str(error).endswith("TypeError: a row of the inbox has None where a bool belongs")
    assert "wrongnull's adapter failed in rows(): " in str(error)
