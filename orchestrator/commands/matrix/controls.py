"""The no-fault controls that a matrix runs: one for each tuned preset as it was resolved.

Settings may follow from the scenario's longest job (River's do). What proves such a preset is a
control whose jobs are as long at the most: the shipped one, or the same with its longer jobs cut.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.scenario.capacity import longest_length_s
from orchestrator.scenario.job_kinds import (
    CLASSES,
    US_PER_S,
    kind_shape,
    length_bounds_us,
    shares,
)
from orchestrator.scenario.types import Kind, Scenario

CONTROL_SCENARIO = "crash_recovery_no_fault"
CONTROLLED_PRESET = "tuned"
"""A preset of this name always stands beside its no-fault control."""
_MS_PER_S = 1000


def cut_to(control: Scenario, longest_s: float) -> tuple[str, ...] | None:
    """What ``--set`` makes of `control` so that its longest job lasts `longest_s` and every shorter
    one what it lasted; () = nothing, None = it cannot be done.

    Each kind that can be longer gets the one length, and the class that the length lies in.
    """
    workload = control.workload
    if longest_length_s(workload) == longest_s:
        return ()
    if longest_length_s(workload) < longest_s:
        return None
    longest_us = round(longest_s * US_PER_S)
    words = [f"name={control.name}_up_to_{round(longest_s * _MS_PER_S)}_ms"]
    for kind, share in shares(workload).items():
        if not share or _longest_us(control, kind) <= longest_us:
            continue
        fitting = list(_classes_of(control, longest_us))
        if not fitting:
            return None
        own = kind_shape(workload, kind).job_class
        if own not in fitting:
            words.append(f"workload.kinds.{kind}.class={fitting[-1]}")
        words.append(f"workload.kinds.{kind}.length_s={longest_s:g}")
    return tuple(words)


def _longest_us(scenario: Scenario, kind: Kind) -> int:
    shape = kind_shape(scenario.workload, kind)
    if shape.length_us is not None:
        return shape.length_us
    return length_bounds_us(shape.job_class, scenario.workload.time_scale)[1]


def _classes_of(scenario: Scenario, length_us: int) -> Iterator[str]:
    """The classes that a job of this length can be of, in ascending order."""
    for job_class in CLASSES:
        low_us, high_us = length_bounds_us(job_class, scenario.workload.time_scale)
        if low_us <= length_us <= high_us:
            yield job_class
