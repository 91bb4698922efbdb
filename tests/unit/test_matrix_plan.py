"""The plan of a matrix: every cell once, interleaved, and what cannot be is said beforehand."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator.commands.matrix.plan import Plan, Wish, plan_matrix
from orchestrator.errors import (
    ScenarioError,
    SettingError,
    UnknownNameError,
    UnknownSettingError,
)
from orchestrator.libraries.new_adapter import new_adapter
from orchestrator.scenario.capacity import longest_length_s

TINY = str(Path(__file__).parent.parent / "scenarios" / "tiny_matrix.toml")
TINY_KILL = str(Path(__file__).parent.parent / "scenarios" / "tiny_kill.toml")
CONTROLS = ("control_holding", "control_late_ack", "control_delete_first")


def plan(
    libraries: tuple[str, ...] = CONTROLS,
    presets: tuple[str, ...] = ("stock",),
    scenarios: tuple[str, ...] = (TINY, TINY_KILL),
    repetitions: int = 3,
    **others: object,
) -> Plan:
    return plan_matrix(
        Wish(libraries, presets, scenarios, repetitions, Path("nowhere"), **others)  # type: ignore[arg-type]
    )


def test_every_cell_is_planned_once() -> None:
    names = [cell.run_id for cell in plan().runs]

    assert len(names) == len(set(names)) == 3 * 2 * 3


def test_no_library_runs_twice_in_a_row_and_each_comes_first_equally_often() -> None:
    cells = plan().runs
    libraries = [cell.request.library for cell in cells]

    assert all(one != next_one for one, next_one in pairwise(libraries))
    assert Counter(libraries[::3]) == dict.fromkeys(CONTROLS, 2)


def test_a_repetition_is_whole_before_the_next_begins() -> None:
    ordinals = [cell.request.ordinal for cell in plan().runs]

    assert ordinals == sorted(ordinals)


def test_the_order_seed_changes_the_order_and_nothing_else() -> None:
    here, there = ([cell.run_id for cell in plan(order_seed=n).runs] for n in (0, 1))

    assert here != there
    assert sorted(here) == sorted(there)


def test_a_preset_that_a_library_lacks_is_not_offered_and_the_others_are_run() -> None:
    made = plan(("pgqueuer", "control_holding"), ("stock", "tuned"), (TINY,), 2, control=False)

    assert [(cell.library, cell.preset) for cell in made.not_offered] == [
        ("control_holding", "tuned")
    ]
    assert "it has stock" in made.not_offered[0].why
    assert len(made.runs) == 3 * 2


def test_workers_with_which_a_library_cannot_work_are_not_offered() -> None:
    overrides = ("workers.concurrency=1", "over_capacity=true")
    made = plan(("pgqueuer", "control_holding"), scenarios=(TINY,), overrides=overrides)

    assert [cell.library for cell in made.not_offered] == ["pgqueuer"]
    assert "concurrency of 2 or more" in made.not_offered[0].why
    assert {cell.request.library for cell in made.runs} == {"control_holding"}


def test_a_tuned_preset_brings_its_no_fault_control_without_the_overrides() -> None:
    made = plan(("pgqueuer",), ("stock", "tuned"), (TINY,), 2, overrides=("workers.pool_size=3",))
    (control,) = [cell for cell in made.runs if cell.is_control]

    assert control.run_id == "crash_recovery_no_fault-pgqueuer-tuned-001"
    assert control.request.resolved.overrides == ()
    assert not any(cell.is_control for cell in plan(("pgqueuer",), ("stock",), (TINY,)).runs)


@pytest.fixture(scope="module")
def by_the_longest_job(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An adapter whose tuned lease follows from the scenario's longest job, as River's does."""
    folder = new_adapter("by_the_longest_job", "python", tmp_path_factory.mktemp("outside"))
    presets = folder / "presets.py"
    changes = '_CHANGES: dict[str, dict[str, Any]] = {"stock": {}, "tuned": {"lease_s": 3.0}}'
    text = presets.read_text()
    assert changes in text
    resolved = '**({"lease_s": 1.0 + workers.longest_length_s} if name == "tuned" else {}),'
    text = text.replace("**_CHANGES[name],", resolved).replace(changes, "")
    presets.write_text(text)
    return str(folder)


def test_each_preset_as_it_was_resolved_has_a_control_with_jobs_as_long(
    by_the_longest_job: str,
) -> None:
    scenarios = ("crash_recovery", "crash_recovery_short", "spike_short", "burst_short")
    made = plan((by_the_longest_job,), ("stock", "tuned"), scenarios, 1)
    controls = {run.run_id: run for run in made.runs if run.is_control}
    name = "crash_recovery_no_fault{}-by_the_longest_job-tuned-001".format
    cut_to_6_s, cut_to_a_quarter = name("_up_to_6000_ms"), name("_up_to_250_ms")

    assert controls.keys() == {name(""), cut_to_6_s, cut_to_a_quarter}
    assert {
        run.request.scenario.name: run.control
        for run in made.runs
        if run.request.base_preset == "tuned" and not run.is_control
    } == {
        "crash_recovery": name(""),
        "crash_recovery_short": cut_to_6_s,
        "spike_short": cut_to_6_s,
        "burst_short": cut_to_a_quarter,
    }
    assert all(run.control is None for run in made.runs if run.request.base_preset == "stock")
    for run in made.runs:
        if run.control is not None:
            control = controls[run.control]
            assert control.request.preset_hash == run.request.preset_hash
            assert longest_length_s(control.request.scenario.workload) == longest_length_s(
                run.request.scenario.workload
            )
            assert not control.request.scenario.faults


def test_where_no_control_can_have_jobs_as_long_it_says_so(by_the_longest_job: str) -> None:
    scenarios = ("notify_latency_short", "crash_recovery_unscaled")
    made = plan((by_the_longest_job,), ("tuned",), scenarios, 1)

    assert not any(run.is_control or run.control for run in made.runs)
    assert "jobs of at most" in made.not_offered[0].why
    assert made.not_offered[0].scenario == "crash_recovery_no_fault"


def test_a_changed_setting_brings_the_control_of_the_same_settings() -> None:
    made = plan(("pgqueuer",), ("stock",), (TINY,), 1, settings=("heartbeat_timeout_s=4",))
    run, control = made.runs

    assert control.run_id == "crash_recovery_no_fault-pgqueuer-stock.d80b73c4-001"
    assert (run.control, control.is_control) == (control.run_id, True)
    assert control.request.preset.settings["heartbeat_timeout_s"] == 4.0


def test_a_library_that_has_not_got_a_setting_is_not_offered_and_one_must_have_it() -> None:
    libraries, settings = ("pgqueuer", "control_holding"), ("heartbeat_timeout_s=4",)
    made = plan(libraries, scenarios=(TINY,), settings=settings, control=False)

    assert [(run.library, run.preset) for run in made.not_offered] == [("control_holding", "stock")]
    with pytest.raises(UnknownSettingError, match='did you mean "heartbeat_timeout_s"'):
        plan(("pgqueuer",), scenarios=(TINY,), settings=("heartbeat_timeot_s=4",))
    with pytest.raises(SettingError, match="a number is wanted"):
        plan(libraries, scenarios=(TINY,), settings=("heartbeat_timeout_s=soon",))


def test_a_control_that_is_asked_for_anyway_is_run_once() -> None:
    made = plan(("pgqueuer",), ("tuned",), ("crash_recovery_no_fault",), 1)

    assert [cell.is_control for cell in made.runs] == [True]


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"libraries": ("pgqueur",)}, 'did you mean "pgqueuer"'),
        ({"presets": ("tund",), "libraries": ("pgqueuer",)}, 'did you mean "tuned"'),
        ({"presets": ("quick",), "libraries": ("pgqueuer",)}, "'quick'; there are .*tuned"),
        ({"presets": ()}, "at least one preset"),
        ({"libraries": ("pgqueuer", "pgqueuer")}, "given twice"),
        (
            {"scenarios": (TINY, TINY.replace("/scenarios/", "/scenarios/../scenarios/"))},
            "two scenario files are called tiny_matrix",
        ),
    ],
)
def test_a_wrong_name_is_refused_before_anything_is_run(wish: dict[str, object], says: str) -> None:
    with pytest.raises(UnknownNameError, match=says):
        plan(**wish)  # type: ignore[arg-type]


def test_a_wrong_override_is_refused_before_anything_is_run() -> None:
    with pytest.raises(ScenarioError, match="rate_per_second"):
        plan(overrides=("workload.rate_per_second=1",))
