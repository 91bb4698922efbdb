"""One worker rescues for all: what its death costs, and what its neglect does while it lives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.history.load import load
from analysis.metrics.kill_types import Recovery
from analysis.summary.leader_findings import LEADING
from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from orchestrator.postgres.server import Server
from orchestrator.run.request import make_request
from orchestrator.run.run import carry_out
from orchestrator.scenario.load import load_scenario
from worker_child.protocol import Note

pytestmark = [
    pytest.mark.database,
    pytest.mark.slow,
    pytest.mark.every_fault,
    pytest.mark.timeout(180),
]

SCENARIO = str(Path(__file__).parent.parent / "scenarios" / "tiny_election.toml")
Run = Callable[..., tuple[Summary, list[Note]]]


@pytest.fixture
def run(server: Server, tmp_path: Path) -> Run:
    """Kills a slot's worker; slot 0 is the first to lead."""

    def carry(killed_slot: int, preset: str) -> tuple[Summary, list[Note]]:
        request = make_request(
            load_scenario(SCENARIO, [f"faults.0.slot={killed_slot}"]),
            library="control_elected",
            preset=preset,
            ordinal=1,
            dsn=server.dsn,
            results=tmp_path,
            overwrite=False,
        )
        history = carry_out(request, lambda _: None).history
        notes = load(history).records.of(Note)
        return analyse(history), [note for note in notes if note.code == LEADING]

    return carry


def picked_up_ns(kill: Recovery) -> int:
    """When the first orphan was started again."""
    assert kill.first_orphan_pickup_s is not None, kill.first_orphan_pickup_s_why
    return kill.kill_sent_ns + round(kill.first_orphan_pickup_s * 1e9)


def test_when_the_leader_dies_nobody_rescues_until_its_office_has_run_out(run: Run) -> None:
    summary, (first, second) = run(0, "stock")
    assert summary.verdict == "pass", summary.reasons
    (kill,) = summary.recovery
    assert (first.slot, first.incarnation) == (0, 0)
    assert (second.slot, second.incarnation) in {(1, 0), (0, 1)}
    assert kill.kill_sent_ns < second.t_ns < picked_up_ns(kill)
    assert kill.within_bound, kill
    assert any("after the last leader's death" in said for said in summary.findings)


def test_when_another_worker_dies_its_leader_rescues_and_no_other_is_elected(run: Run) -> None:
    summary, (only,) = run(1, "stock")
    assert summary.verdict == "pass", summary.reasons
    (kill,) = summary.recovery
    assert (only.slot, only.incarnation) == (0, 0) and only.t_ns < kill.kill_sent_ns
    assert kill.orphans and picked_up_ns(kill) > kill.kill_sent_ns


def test_a_leader_that_lives_and_whose_maintenance_is_dead_leaves_orphans_behind(run: Run) -> None:
    summary, (only,) = run(1, "maintenance_dead")
    assert (only.slot, only.incarnation) == (0, 0)
    assert summary.verdict == "fail"
    assert summary.jobs.stranded >= 1
    assert "Expected stranded = 0" in " ".join(summary.reasons)
    (kill,) = summary.recovery
    assert kill.first_orphan_pickup_s is None
