"""A changed setting is in the run's name, its bound, what is printed, and its repetition."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command_line import desk

pytestmark = pytest.mark.database

TINY_KILL = str(Path(__file__).parent.parent / "scenarios" / "tiny_kill.toml")
RUN_ID = "tiny_kill-pgqueuer-tuned.7a50f97f"


def test_a_run_with_a_changed_setting_is_reproduced_with_it(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        words = ("--scenario", TINY_KILL, "--preset", "tuned", "--setting")
        first = here.run(*words, "heartbeat_timeout_s=1.5")
        assert first.code in (0, 1, 4), first
        assert "The preset tuned.7a50f97f is tuned with heartbeat_timeout_s=1.5." in first.out
        again = here.run("reproduce", str(tmp_path / f"{RUN_ID}-001.jsonl"))
        assert again.code in (0, 1, 4), again
        for name in (f"{RUN_ID}-001", f"{RUN_ID}-002"):
            (start,) = here.facts(f"{name}.jsonl", "run_start")
            assert start["changed_settings"] == {"heartbeat_timeout_s": 1.5}
            assert start["rescue"]["lease_s"] == 1.5
            bound_s = here.summary(name)["recovery"][0]["predicted_bound_s"]
            assert bound_s < 3.0, "the preset's own lease would be longer"
