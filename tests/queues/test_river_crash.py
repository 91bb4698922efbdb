"""River, killed while jobs are held at known points: what must happen, to the job."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.scenario.load import load_scenario
from tests.conftest import Database
from tests.queues.one_run import summary_of_run
from tests.toolchain import need_built

DEDUP_KILL = Path(__file__).parent.parent / "scenarios" / "river_dedup_kill.toml"

pytestmark = [pytest.mark.database, pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.mark.parametrize(
    ("scenario", "preset", "re_executions", "duplicates"),
    [
        ("crash_recovery_exact", "tuned", 12, 8),
        ("crash_recovery_exact", "transactional", 4, 0),
        ("crash_fan_out", "transactional", 1, 0),
    ],
)
def test_exactly_what_was_not_acknowledged_is_executed_again(
    database: Database,
    tmp_path: Path,
    scenario: str,
    preset: str,
    re_executions: int,
    duplicates: int,
) -> None:
    need_built("river")
    summary = summary_of_run(
        load_scenario(scenario), library="river", preset=preset, dsn=database.dsn, results=tmp_path
    )
    assert summary.verdict == "pass", summary.reasons
    crash, (kill,) = summary.crash, summary.recovery
    assert (crash.re_executions, crash.duplicate_executions) == (re_executions, duplicates)
    assert crash.duplicate_effects == duplicates
    assert kill.within_bound


def test_the_parents_own_enqueuers_are_not_taken_for_survivors_of_the_kill(
    database: Database, tmp_path: Path
) -> None:
    """They are started after the first worker, as processes of the parent's own."""
    need_built("river")
    summary = summary_of_run(
        load_scenario(str(DEDUP_KILL)),
        library="river",
        preset="tuned",
        dsn=database.dsn,
        results=tmp_path,
    )
    (kill,) = summary.recovery
    assert (kill.certificate.missing, kill.certificate.survivors) == ([], 0)
    assert summary.verdict == "pass", summary.reasons
