"""No forged history passes, and what cannot be known of a kill is not made up."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from analysis.evidence.run_spec import planned_faults
from analysis.ledger.ledger import VERDICTS
from analysis.report.terminal import print_summary
from analysis.summary.summary import analyse, write_summary
from analysis.summary.types import Summary
from orchestrator.faults.plan import plan_faults
from orchestrator.scenario.faults import Kill
from tests.histories.builder import RUN_ID, Story
from tests.histories.forged import FORGED, setting
from tests.histories.stories import A, B, changed, crash, healthy, never_enqueued

Read = Callable[[Story], Summary]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    return lambda story: analyse(story.write(tmp_path))


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_history_gets_its_verdict(name: str, read: Read) -> None:
    summary = read(FORGED[name].plant())
    says = FORGED[name].says

    assert summary.verdict == FORGED[name].verdict, summary.reasons
    assert says is None or any(says in reason for reason in summary.reasons), summary.reasons
    assert sum(getattr(summary.jobs, verdict) for verdict in VERDICTS) == summary.jobs.enqueued


def test_a_timed_kill_that_came_late_is_biased(read: Read) -> None:
    sent_ns = crash().first("fault_injected")["t_ns"]
    intime = changed(setting("fault_injected", intended_ns=sent_ns - 50_000_000))
    late = changed(setting("fault_injected", intended_ns=sent_ns - 51_000_000))

    assert read(intime).recovery[0].late is False
    assert read(intime).recovery[0].biased is False
    (block,) = read(late).recovery
    assert (block.late, block.biased, block.late_s) == (True, True, 0.051)
    assert any("0.051 s after its intended" in sentence for sentence in read(late).findings)


def test_an_aimed_kill_is_never_late(read: Read) -> None:
    aimed = changed(setting("fault_injected", trigger="state", biased=True, intended_ns=1))

    assert read(aimed).recovery[0].late is False
    assert read(aimed).recovery[0].late_s is None


@pytest.mark.parametrize(("late_s", "limited"), [(0.0, None), (0.05, None), (0.11, True)])
def test_a_respawn_that_came_late_makes_its_recovery_machine_limited(
    late_s: float, limited: bool | None, read: Read
) -> None:
    story = crash()
    entry = {"what": "kill", "at_s": 1.0, "slot": 0, "respawn_after_s": 0.0}
    story.first("run_start")["scenario"]["faults"] = [entry]
    for instant in ("t_ns", "intended_ns"):
        story.first("fault_injected")[instant] -= round(late_s * 1e9)

    assert read(story).recovery[0].machine_limited is limited


def stalled(stall_s: float, after_s: float, code: str = "parent_stalled") -> Story:
    """A crash whose parent (or provider) stalled for so long, until so long after the kill."""
    story = crash()
    kill_ns = story.first("fault_injected")["t_ns"]
    end = story.records.pop()
    t_ns = kill_ns + round(after_s * 1e9)
    story.record("note", code=code, detail={"stalled_s": stall_s})["t_ns"] = t_ns
    end[1]["t_ns"] = max(end[1]["t_ns"], t_ns)
    story.records.append(end)
    return story


@pytest.mark.parametrize(
    ("stall_s", "after_s", "limited"), [(0.5, 1.0, True), (7.0, 8.0, True), (0.5, 9.0, None)]
)
def test_a_stalled_parent_makes_what_it_touches_machine_limited(
    stall_s: float, after_s: float, limited: bool | None, read: Read
) -> None:
    summary = read(stalled(stall_s, after_s))

    assert summary.recovery[0].machine_limited is limited
    assert summary.latency_ms.pickup.machine_limited is limited


def test_a_stalled_provider_makes_what_it_touches_machine_limited(read: Read) -> None:
    summary = read(stalled(0.6, 1.0, "provider_stalled"))

    assert summary.latency_ms.total.machine_limited is True


def test_claims_under_an_identity_that_nobody_announced_are_unknown(read: Read) -> None:
    story = crash()
    for kind, fields in story.records:
        if kind == "row_read" and "claimed_by" in fields:
            fields["claimed_by"] = "nobody"
    summary = read(story)
    found = summary.recovery[0].found

    assert found.claimed is found.finished_unacknowledged is None
    assert "'nobody'" in str(found.why)
    assert summary.crash.integrity_surface_at_kill is None
    assert summary.crash.duplicates_live == 0
    assert any("no child_ready announced ('nobody')" in said for said in summary.findings)


def test_failed_enqueues_are_told(read: Read) -> None:
    (told,) = read(never_enqueued()).findings

    assert told == (
        "Of the enqueues, 1 had an unknown outcome, 1 of those were never seen in the queue."
    )


def test_flags_are_counted_by_verdict(read: Read) -> None:
    jobs = read(crash()).jobs

    assert jobs.flags_by_verdict == {
        "completed_once": {"redelivered": 1},
        "duplicated": {"redelivered": 1, "finished_unacknowledged": 1},
    }


def test_of_an_unfinished_run_no_expectation_is_met(read: Read) -> None:
    without_end = read(changed(lambda story: story.drop("run_end")))
    interrupted = read(changed(setting("run_end", ended="interrupted")))

    for summary in (without_end, interrupted):
        assert {e.outcome for e in summary.expectations} == {"unknown"}
        assert "no verdict" in summary.reasons[0]
    assert interrupted.verdict == "unknown"


def test_an_unfinished_run_does_not_list_its_ambiguous_jobs(read: Read) -> None:
    story = crash()
    story.records = [r for r in story.records if r[0] != "run_end" and r[1].get("read") != "final"]
    summary = read(story)

    assert summary.jobs.ambiguous == summary.jobs.enqueued == 3
    assert summary.notable_jobs == []


def test_a_summary_is_named_after_the_file_that_was_judged(tmp_path: Path) -> None:
    write_summary(crash().write(tmp_path))
    original = (tmp_path / f"{RUN_ID}.summary.json").read_bytes()
    write_summary(healthy().write(tmp_path, "copy"))

    assert (tmp_path / f"{RUN_ID}.summary.json").read_bytes() == original
    assert (tmp_path / "copy.summary.json").exists()


def test_kills_are_numbered_as_the_plan_numbers_them() -> None:
    faults = (
        Kill(at_s=9.0, respawn_after_s=0.9),
        Kill(repeat=2, respawn_after_s=0.2),
        Kill(at_s=4.0, respawn_after_s=0.4),
        Kill(when_held=True, respawn_after_s=0.7),
    )
    planned = plan_faults(faults, seed=1, ordinal=1, periods_s={"poll": 1.0}, first_repeat_s=0.0)

    assert planned_faults(faults) == [kill.entry for kill in planned]


def printed(story: Story, tmp_path: Path, width: int = 100) -> str:
    console = Console(width=width, file=io.StringIO(), highlight=False)
    print_summary(analyse(story.write(tmp_path)), console)
    output = console.file
    assert isinstance(output, io.StringIO)
    return " ".join(output.getvalue().split())


def test_the_report_begins_with_the_answer(tmp_path: Path) -> None:
    assert printed(crash(), tmp_path).startswith(
        "1 of 3 jobs executed twice, none lost; the first of the dead worker's 2 jobs (its "
        "orphans) was taken up again 3.0 s after the kill (the library's settings allow 4.5 s), "
        "3.0 s after a new worker was ready. The run can be trusted: its records are complete "
        "and agree. PASS (the scenario's expectations are met). The 2 orphans: 1 done but not "
        "acknowledged, 1 begun; the one that was done was done again; "
    )


def test_an_invalid_run_says_so_first_and_gives_its_reason(tmp_path: Path) -> None:
    told = printed(FORGED["an_early_run_end"].plant(), tmp_path)

    assert told.startswith("No result: the instrument cannot vouch for this run. INVALID (")
    assert "stamped later than its run_end." in told.partition("planted-nothing-stock")[0]
    assert "none lost" not in told


def large_crash() -> Story:
    """Figures of many digits: 1,500 jobs, most of which are lost."""
    story = Story()
    first = story.worker()
    story.enqueue(*(f"j{number:06d}" for number in range(1500)))
    first.start(A)
    story.kill(first, held=[A])
    second = story.worker()
    story.wait(1234)
    second.run(A)
    second.run(B)
    story.exit(second)
    story.end()
    return story


FIGURE = re.compile(r">?\d[\d,.]*\d")


@pytest.mark.parametrize("width", [34, 50, 72, 120])
def test_no_figure_is_cut_at_any_width(width: int, tmp_path: Path) -> None:
    wide = set(FIGURE.findall(printed(large_crash(), tmp_path, 300)))
    narrow = set(FIGURE.findall(printed(large_crash(), tmp_path, width)))

    assert {"1,500", "1,498"} <= wide
    assert narrow == wide
