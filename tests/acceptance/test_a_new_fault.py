"""A new fault touches its type, its row and its part of the certificate, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.command_line import Desk, Ended, desk

pytestmark = [pytest.mark.database, pytest.mark.timeout(180)]

SCENARIO = Path(__file__).parent.parent / "scenarios" / "tiny_nudge.toml"
RUN = "tiny_nudge-pgqueuer-tuned-001"
PLANTED = "tests.acceptance.with_planted_fault"


TABLE = ("faults", "pgqueuer", "--only=nudge")


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def nudged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, Ended]]:
    """A run with the planted fault; its results are there to be read."""
    with desk(tmp_path_factory.mktemp("nudged")) as at:
        yield at, at.run(f"--scenario={SCENARIO}", module=PLANTED)


@pytest.fixture(scope="module")
def tabled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, Ended]]:
    """The table of the planted fault; its results are there to be read, and to be kept."""
    with desk(tmp_path_factory.mktemp("tabled")) as at:
        yield at, at.run(*TABLE, module=PLANTED)


def test_a_planted_fault_is_injected_recorded_certified_and_judged(
    nudged: tuple[Desk, Ended],
) -> None:
    at, said = nudged
    assert said.code == 0, str(said)
    assert "fault: a nudge of slot 0 at T+1.5 s\n" in said.out + said.error
    (sent,) = at.facts(f"{RUN}.jsonl", "fault_injected")
    assert (sent["what"], sent["ends_process"]) == ("nudge", False)
    assert sent["target"].keys() == {"kind", "slot", "incarnation", "pid"}
    assert sent["parts"].keys() == {"open_executions"}
    (seen,) = at.facts(f"{RUN}.jsonl", "fault_ended")
    assert (seen["what"], seen["target"]) == ("nudge", sent["target"])
    assert seen["parts"].keys() == {"alive_ns"}


def test_a_worker_that_a_fault_hit_and_did_not_end_is_not_dead(nudged: tuple[Desk, Ended]) -> None:
    at, said = nudged
    assert said.code == 0, str(said)
    (left,) = at.facts(f"{RUN}.jsonl", "child_exited")
    assert (left["reason"], left.get("fault")) == ("stopped", None)
    summary = at.summary(RUN)
    assert (summary["crash"]["kills"], summary["crash"]["certificates"]) == (0, 1)
    assert summary["recovery"] == []
    assert summary["jobs"]["completed_once"] == summary["jobs"]["enqueued"]


def test_a_planted_fault_whose_certificate_lacks_its_part_makes_the_run_invalid(at: Desk) -> None:
    said = at.run(
        f"--scenario={SCENARIO}",
        "--set=faults.0.seen=false",
        "--set=limits.sessions_gone_s=0.5",
        module=PLANTED,
    )
    assert said.code == 3, str(said)
    why = "Nudge 1 has no complete certificate: the worker was not seen to live on."
    assert why in at.summary(RUN)["reasons"]


def test_without_its_plant_a_history_with_it_is_refused_by_name(
    nudged: tuple[Desk, Ended], tmp_path: Path
) -> None:
    at, _ = nudged
    history = tmp_path / f"{RUN}.jsonl"
    lines = [json.loads(line) for line in (at.results / history.name).read_bytes().splitlines()]
    lines[0]["fields"]["scenario"]["faults"] = []
    history.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    said = at.run(str(history), module="analysis")
    assert (said.code, "Traceback" in said.error) == (2, False), str(said)
    assert "fault 1 is 'nudge'; known are kill" in said.error


def test_the_table_of_all_faults_has_it_by_its_row_alone(tabled: tuple[Desk, Ended]) -> None:
    at, said = tabled
    assert said.code == 0, str(said)
    (row,) = [line.split() for line in said.out.splitlines() if line.startswith("nudge ")]
    assert row[:5] == ["nudge", "pass", "1", "of", "1"]
    assert row[5:10] == ["0"] * 5
    (fault,) = at.summary(RUN)["faults"]
    assert (fault["what"], fault["slots"], fault["complete"]) == ("nudge", [0], True)


def test_a_finished_run_of_the_table_is_not_done_again(tabled: tuple[Desk, Ended]) -> None:
    at, said = tabled
    assert said.code == 0, str(said)
    history = (at.results / f"{RUN}.jsonl").read_bytes()
    again = at.run(*TABLE, module=PLANTED)
    assert again.code == 0 and "1 kept" in again.out
    assert (at.results / f"{RUN}.jsonl").read_bytes() == history
