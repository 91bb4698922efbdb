"""What is said of a run before it starts."""

from __future__ import annotations

import pytest

from orchestrator.run.forecast import Forecast, foresee
from orchestrator.scenario.load import resolve_scenario
from worker_child.adapters.contract import Preset
from worker_child.protocol import Rescue

NEVER = Preset("never", {}, rescue=None, periods_s={})


def rescuing(lease_s: float, poll_s: float = 1.0) -> Preset:
    return Preset("some", {}, Rescue("a stale heartbeat", lease_s, 0.0, poll_s), {})


def forecast(preset: Preset, *overrides: str, name: str = "crash_recovery_short") -> Forecast:
    resolved = resolve_scenario(name, overrides)
    return foresee(resolved.scenario, preset, resolved.capacity)


def test_a_quick_rescue_ends_soon_after_the_kill() -> None:
    seen = forecast(rescuing(3.0))
    assert seen.bound_s == 4.0
    assert seen.expected_s == 20.0, "kill at 8 s, bound 4 s: done before the stream is"
    assert seen.waits_s == 0.0


def test_a_slow_rescue_is_waited_for_and_that_is_said_beforehand() -> None:
    seen = forecast(rescuing(30.0, 30.0))
    assert seen.bound_s == 60.0
    assert seen.expected_s == pytest.approx(8 + 60 + seen.capacity.mean_length_s)
    assert seen.waits_s == pytest.approx(48 + seen.capacity.mean_length_s)
    assert any("an orphan may wait up to 60.0 s" in line for line in seen.lines)
    assert seen.lines[-1] == "expected to take about 68 s"


def test_the_outage_counts_where_it_is_longer_than_the_lease() -> None:
    assert forecast(rescuing(1.0), "faults.0.respawn_after_s=10").bound_s == 11.0


def test_a_bound_above_the_limit_is_announced_as_unknown_and_not_waited_for() -> None:
    seen = forecast(rescuing(500.0), "limits.max_bound_s=100")
    assert seen.expected_s == pytest.approx(8 + 100 + seen.capacity.mean_length_s)
    (line,) = [line for line in seen.lines if line.startswith("rescue:")]
    assert "limits.max_bound_s = 100" in line
    assert "the run unknown" in line


def test_a_preset_that_never_rescues_is_watched_for_its_own_limit() -> None:
    seen = forecast(NEVER, "workload.duration_s=9", "limits.confirm_s=5")
    assert seen.bound_s is None
    assert seen.expected_s == 8 + 3 + 5
    assert "rescue: never, under the preset never; the drain watches for 5 s" in seen.lines


def test_load_kill_respawn_and_backlog_are_told() -> None:
    load, fault, backlog, *_ = forecast(rescuing(3.0)).lines
    assert load.startswith("load: 30 jobs/s of ")
    assert load.endswith("of the workers' total concurrency of 20")
    assert fault == "fault: SIGKILL of slot 0 at T+8 s, respawn 3 s later"
    assert backlog.startswith("the outage leaves a backlog of about 90 jobs; catching up takes")


def test_a_load_that_can_never_be_caught_up_with_is_said_to_be() -> None:
    lines = forecast(rescuing(3.0), "workload.rate_per_s=500", "over_capacity=true").lines
    assert any(line.endswith("catching up takes for ever at this load") for line in lines)


def test_the_backlog_is_part_of_the_expected_time() -> None:
    over = ("workload.rate_per_s=200", "over_capacity=true", "faults=[]", "expectations={}")
    seen = forecast(rescuing(3.0), *over)
    sustainable_per_s = seen.capacity.sustainable_rate_per_s
    assert seen.expected_s == pytest.approx(20 * 200 / sustainable_per_s, rel=0.01)


def test_an_outage_shortly_before_the_end_of_the_load_prolongs_the_run() -> None:
    seen = forecast(rescuing(3.0), "faults.0.at_s=17", "faults.0.respawn_after_s=10")
    assert seen.expected_s == pytest.approx(27 + 90 / seen.capacity.sustainable_rate_per_s, abs=10)
    assert seen.expected_s is not None and seen.expected_s > 28


def test_an_outage_of_one_worker_of_four_leaves_no_backlog_where_the_others_keep_up() -> None:
    lines = forecast(
        rescuing(3.0), "workers.slots=4", "workers.concurrency=10", "faults.0.slot=3"
    ).lines
    assert any("a backlog of about 0 jobs; catching up takes about 0 s" in line for line in lines)


def test_two_of_two_at_one_instant_leave_the_backlog_of_both() -> None:
    lines = forecast(
        rescuing(3.0),
        "workers.slots=2",
        "workers.concurrency=10",
        "faults=[{ slot = 0, at_s = 8, respawn_after_s = 3 }, "
        "{ slot = 1, at_s = 8, respawn_after_s = 3 }]",
        "expectations={}",
    ).lines
    assert sum("a backlog of about 90 jobs" in line for line in lines) == 2


@pytest.mark.parametrize("name", ["read_only_short", "pool_exhaustion_short", "table_lock_short"])
def test_while_a_database_is_of_no_use_everything_waits(name: str) -> None:
    seen = forecast(rescuing(3.0), name=name)
    (line,) = [line for line in seen.lines if line.startswith("the outage leaves a backlog of ")]
    jobs = {"table_lock_short": 180}.get(name, 150)
    assert f" of about {jobs} jobs; " in line, "for_s at 30 jobs/s"


def test_a_snapshot_that_is_held_leaves_no_backlog() -> None:
    seen = forecast(rescuing(3.0), name="pinned_snapshot_short")
    assert not any("backlog" in line for line in seen.lines)
    assert any(line.startswith("fault: an idle transaction holds its") for line in seen.lines)


def test_a_run_without_a_fault_waits_for_no_rescue() -> None:
    seen = forecast(rescuing(30.0), "faults=[]", "expectations={}")
    assert (seen.bound_s, seen.waits_s, seen.expected_s) == (0.0, 0.0, 20.0)
    assert not any(line.startswith(("rescue", "fault")) for line in seen.lines)


def test_the_length_of_an_endless_stream_is_not_guessed() -> None:
    seen = forecast(rescuing(3.0), name="crash_recovery_repeated")
    assert seen.expected_s is None
    assert not any("expected to take" in line for line in seen.lines)
    assert any("20 times, each after the last has settled" in line for line in seen.lines)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("storm", "SIGKILL of slots 0, 1, 6 rounds, one every 2.5 s, at T+60 s"),
        (
            "kill_during_enqueue",
            "SIGKILL of a producer in the middle of a batch, 2 times, one every 2 s, at T+31 s",
        ),
    ],
)
def test_what_comes_in_rounds_is_told_with_how_often_they_come(name: str, said: str) -> None:
    lines = forecast(rescuing(3.0), name=name).lines
    assert any(line.startswith(f"fault: {said}") for line in lines)


def test_held_and_state_triggers_are_told_in_words() -> None:
    held = forecast(rescuing(3.0), name="crash_recovery_exact").lines
    assert any("as soon as every held job stands at its point" in line for line in held)
    state = forecast(
        rescuing(3.0),
        "faults=[{ when = { completed = 50, in_flight = 8 } }]",
        "expectations={}",
        "nobody_left=true",
    ).lines
    assert any("50 completed and 8 in flight are seen, no respawn" in line for line in state)
