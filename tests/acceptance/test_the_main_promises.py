"""What the README promises, kept by the real command line: exact counts, repeats, a clean end."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.acceptance.command_line import ROOT, Desk, desk, ended, lives, wait_for

TINY = ROOT / "tests" / "scenarios" / "tiny_kill.toml"
BY_STATE = ROOT / "tests" / "scenarios" / "kill_by_state.toml"
EXACT = "crash_recovery_exact-pgqueuer-tuned"
REPEATED = "crash_recovery_repeated-pgqueuer-tuned-001"

pytestmark = [pytest.mark.database, pytest.mark.slow]


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path / "results") as made:
        yield made


def recount(history: Path) -> int:
    """Jobs with two or more job_completed, as anyone would count them."""
    completed: Counter[str] = Counter()
    with history.open() as lines:
        for line in lines:
            record = json.loads(line)
            if record["kind"] == "job_completed":
                completed[record["fields"]["job_id"]] += 1
    return sum(times >= 2 for times in completed.values())


def test_an_exact_crash_gives_its_exact_counts_and_is_reproduced(at: Desk) -> None:
    first = at.run("--scenario=crash_recovery_exact")
    assert first.code == 0, str(first)
    crash = at.summary(f"{EXACT}-001")["crash"]
    assert (crash["duplicate_executions"], crash["re_executions"]) == (8, 12)
    history = at.results / f"{EXACT}-001.jsonl"
    assert recount(history) == 8

    again = at.run("reproduce", str(history))
    assert again.code == 0, str(again)
    assert "Reproduced" in again.out and "NOT reproduced" not in again.out
    assert recount(at.results / f"{EXACT}-002.jsonl") == 8


def test_repeated_kills_are_each_certified_and_settle(at: Desk) -> None:
    values = {
        "faults.0.repeat": 3,
        "expectations.certificates": 3,
        "workload.duration_s": 2,
        "workload.warmup_s": 1,
    }
    sets = [f"--set={name}={value}" for name, value in values.items()]
    said = at.run("--scenario=crash_recovery_repeated", *sets)
    assert said.code == 0, str(said)
    summary = at.summary(REPEATED)
    assert summary["verdict"] == "pass"
    assert (summary["crash"]["kills"], summary["crash"]["certificates"]) == (3, 3)
    assert recount(at.results / f"{REPEATED}.jsonl") == summary["crash"]["duplicate_executions"]
    sent = at.facts(f"{REPEATED}.jsonl", "fault_injected")
    assert [kill["target"]["incarnation"] for kill in sent] == [0, 1, 2]
    assert all(kill["trigger"] == "timed" and not kill["biased"] for kill in sent)
    notes = at.facts(f"{REPEATED}.jsonl", "note")
    assert "not_settled" not in {note["code"] for note in notes}


def test_a_kill_by_state_is_certified_and_marked_as_aimed(at: Desk) -> None:
    said = at.run(f"--scenario={BY_STATE}")
    assert said.code == 0, str(said)
    (kill,) = at.summary("kill_by_state-pgqueuer-tuned-001")["recovery"]
    assert (kill["trigger"], kill["biased"]) == ("state", True)
    assert kill["certificate"]["missing"] == []


def test_a_state_that_never_comes_ends_the_run_with_a_note(at: Desk) -> None:
    never = ["workers.concurrency=50", "faults.0.when.completed=60", "faults.0.when.in_flight=50"]
    said = at.run(f"--scenario={BY_STATE}", *(f"--set={value}" for value in never))
    assert said.code == 1, str(said)
    assert "Expected certificates = 1, found 0: broken." in said.out
    name = "kill_by_state-pgqueuer-tuned-001.jsonl"
    notes = [note["code"] for note in at.facts(name, "note")]
    assert notes.count("fault_not_due") == 1
    (end,) = at.facts(name, "run_end")
    assert (end["ended"], end["drain"]) == ("completed", "agreed")


# Ctrl-C

INTERRUPTED_IN = {
    "load": ("tuned", ["--set=workload.duration_s=60"]),
    # Its heartbeats go stale after 30 s: so long the drain waits for the orphans.
    "drain": ("stock", []),
}


@pytest.mark.parametrize("phase", INTERRUPTED_IN)
def test_ctrl_c_ends_the_run_keeps_its_history_judges_it_and_leaves_nothing(
    at: Desk, phase: str
) -> None:
    preset, values = INTERRUPTED_IN[phase]
    run_id = f"tiny_kill-pgqueuer-{preset}-001"
    partial = at.results / f"{run_id}.jsonl.partial"

    def has_begun() -> bool:
        if not partial.exists():
            return False
        phases = [n["detail"]["phase"] for n in at.facts(partial.name, "note") if "detail" in n]
        return phase in phases and bool(at.facts(partial.name, "job_completed"))

    with at.started(f"--scenario={TINY}", f"--preset={preset}", *values) as run:
        wait_for(has_begun, 40.0, f"the {phase} of the run")
        family = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(signal.SIGINT)
        interrupted_s = time.monotonic()
        said = ended(run)
    assert said.code == 130, str(said)
    assert time.monotonic() - interrupted_s < 20
    assert "Traceback" not in said.out + said.error
    wait_for(lambda: not any(map(lives, family)), 10.0, "the end of every process of the run")
    at.assert_nothing_left(family, run_id)

    assert f"{run_id}.jsonl.partial" in at.names()
    assert f"{run_id}.jsonl" not in at.names()
    (end,) = at.facts(partial.name, "run_end")
    assert end["ended"] == "interrupted"
    assert run_id in said.out and "The run was interrupted" in said.out, "it judges what there is"
    assert at.summary(f"{run_id}.partial")["jobs"]["enqueued"] > 0

    judged = at.run(str(partial), module="analysis")
    assert judged.code == at.summary(f"{run_id}.partial")["exit_code"]
    assert judged.code in (3, 4), str(judged)
    assert "Traceback" not in judged.error
