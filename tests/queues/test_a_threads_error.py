"""An error in one of the parent's own threads ends the run, and as a fault of the instrument."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest

from orchestrator.errors import OurBugError
from orchestrator.run.run import carry_out, make_request
from orchestrator.scenario.load import load_scenario
from tests.conftest import Database
from worker_child.adapters.contract import QueueCounts
from worker_child.adapters.pgqueuer.inbox import PgQueuerAdapter

pytestmark = pytest.mark.database

SCENARIO = Path(__file__).parent.parent / "scenarios" / "tiny_kill.toml"


def test_a_bug_in_the_samplers_thread_ends_the_run_and_stands_in_its_history(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = PgQueuerAdapter.counts

    def counts(self: PgQueuerAdapter, connection: psycopg.Connection[Any]) -> QueueCounts:
        if threading.current_thread().name == "sampler":
            raise ZeroDivisionError("a bug of ours")
        return count(self, connection)

    monkeypatch.setattr(PgQueuerAdapter, "counts", counts)
    request = make_request(
        load_scenario(str(SCENARIO)),
        library="pgqueuer",
        preset=None,
        ordinal=1,
        dsn=database.dsn,
        results=tmp_path,
        overwrite=False,
    )
    with pytest.raises(OurBugError, match="a bug of ours") as caught:
        carry_out(request, lambda status: None)
    assert caught.value.exit_code == 3
    partial = tmp_path / f"{request.run_id}.jsonl.partial"
    last = json.loads(partial.read_text().splitlines()[-1])
    assert (last["kind"], last["fields"]["ended"]) == ("run_end", "failed")
    assert "a bug of ours" in last["fields"]["error"]
