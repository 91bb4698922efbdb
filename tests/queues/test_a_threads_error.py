"""An error in one of the parent's own threads ends the run, and as a fault of the instrument."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.errors import InternalError
from orchestrator.observe.sampler import Sampler
from orchestrator.run.request import make_request
from orchestrator.run.run import carry_out
from orchestrator.scenario.load import load_scenario
from tests.conftest import Database

pytestmark = pytest.mark.database

SCENARIO = Path(__file__).parent.parent / "scenarios" / "tiny_kill.toml"


def test_a_bug_in_the_samplers_thread_ends_the_run_and_stands_in_its_history(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sample(self: Sampler) -> None:
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr(Sampler, "_sample", sample)
    request = make_request(
        load_scenario(str(SCENARIO)),
        library="pgqueuer",
        preset=None,
        ordinal=1,
        dsn=database.dsn,
        results=tmp_path,
        overwrite=False,
    )
    with pytest.raises(InternalError, match="a bug of ours") as caught:
        carry_out(request, lambda status: None)
    assert caught.value.exit_code == 3
    partial = tmp_path / f"{request.run_id}.jsonl.partial"
    last = json.loads(partial.read_text().splitlines()[-1])
    assert (last["kind"], last["fields"]["ended"]) == ("run_end", "failed")
    assert "a bug of ours" in last["fields"]["error"]
