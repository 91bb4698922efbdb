"""The plan of a matrix: every cell once, interleaved, and what cannot be is said beforehand."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator.commands.matrix.plan import Plan, Wish, plan_matrix
from orchestrator.errors import ScenarioError, UnknownNameError

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
    names = [cell.run_id for cell in plan().cells]

    assert len(names) == len(set(names)) == 3 * 2 * 3


def test_no_library_runs_twice_in_a_row_and_each_comes_first_equally_often() -> None:
    cells = plan().cells
    libraries = [cell.request.library for cell in cells]

    assert all(one != next_one for one, next_one in pairwise(libraries))
    assert Counter(libraries[::3]) == dict.fromkeys(CONTROLS, 2)


def test_a_repetition_is_whole_before_the_next_begins() -> None:
    ordinals = [cell.request.ordinal for cell in plan().cells]

    assert ordinals == sorted(ordinals)


def test_the_order_seed_changes_the_order_and_nothing_else() -> None:
    here, there = ([cell.run_id for cell in plan(order_seed=n).cells] for n in (0, 1))

    assert here != there
    assert sorted(here) == sorted(there)


def test_a_preset_that_a_library_lacks_is_not_offered_and_the_others_are_run() -> None:
    made = plan(("pgqueuer", "control_holding"), ("stock", "tuned"), (TINY,), 2, control=False)

    assert [(cell.library, cell.preset) for cell in made.not_offered] == [
        ("control_holding", "tuned")
    ]
    assert "it has stock" in made.not_offered[0].why
    assert len(made.cells) == 3 * 2


def test_workers_with_which_a_library_cannot_work_are_not_offered() -> None:
    overrides = ("workers.concurrency=1", "over_capacity=true")
    made = plan(("pgqueuer", "control_holding"), scenarios=(TINY,), overrides=overrides)

    assert [cell.library for cell in made.not_offered] == ["pgqueuer"]
    assert "concurrency of 2 or more" in made.not_offered[0].why
    assert {cell.request.library for cell in made.cells} == {"control_holding"}


def test_a_tuned_preset_brings_its_no_fault_control_without_the_overrides() -> None:
    made = plan(("pgqueuer",), ("stock", "tuned"), (TINY,), 2, overrides=("workers.pool_size=3",))
    (control,) = [cell for cell in made.cells if cell.is_control]

    assert control.run_id == "crash_recovery_no_fault-pgqueuer-tuned-001"
    assert control.request.resolved.overrides == ()
    assert not any(cell.is_control for cell in plan(("pgqueuer",), ("stock",), (TINY,)).cells)


def test_a_control_that_is_asked_for_anyway_is_run_once() -> None:
    made = plan(("pgqueuer",), ("tuned",), ("crash_recovery_no_fault",), 1)

    assert [cell.is_control for cell in made.cells] == [True]


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
