"""The batch of a killed producer, where one nanosecond or one job more or less turns it."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.checks import producers
from tests.histories.builder import Story
from tests.histories.stories import B, C
from tests.unit.said_by import behind, entry, said_by
from tests.unit.test_killed_producers import story


def said(plant: Story, folder: Path) -> str:
    return " ".join(said_by(producers, plant, folder))


@pytest.mark.parametrize(("early_ns", "told"), [(0, False), (1, True)])
def test_an_outcome_is_unknown_from_the_kill_on(early_ns: int, told: bool, tmp_path: Path) -> None:
    plant = story()
    failed = plant.first("enqueue_failed", job_id=C)
    failed["t_ns"] = plant.first("fault_injected")["t_ns"] - early_ns
    assert (f"not to have answered job {C}" in said(plant, tmp_path)) is told


def test_of_several_jobs_that_were_answered_the_first_is_named(tmp_path: Path) -> None:
    plant = story()
    for job in (B, C):
        plant.first("enqueue_failed", job_id=job)["outcome"] = "rejected"
    assert f"not to have answered job {B}, and" in said(plant, tmp_path)


@pytest.mark.parametrize(("late_ns", "told"), [(0, False), (1, True)])
def test_a_batch_may_be_sent_until_its_producer_is_frozen(
    late_ns: int, told: bool, tmp_path: Path
) -> None:
    plant = story()
    frozen_ns = plant.first("fault_injected")["parts"]["frozen_ns"]
    for job in (B, C):
        plant.first("enqueue_failed", job_id=job)["sent_ns"] = frozen_ns + late_ns
    assert (
        f"Job {B} is said to have been in the hands of the producer" in said(plant, tmp_path)
    ) is told


def test_a_job_whose_sending_nobody_tells_of_was_not_sent_too_late(tmp_path: Path) -> None:
    plant = story()
    plant.drop("enqueue_failed", job_id=C)
    (sentence,) = said_by(producers, plant, tmp_path)
    assert f"not to have answered job {C}" in sentence


def producer(number: int, *jobs: str) -> Story:
    """The death of a producer with these jobs in its hands."""
    plant = story()
    plant.first("fault_injected")["parts"].update(jobs=list(jobs), queued=[])
    for kind in ("fault_injected", "fault_ended"):
        plant.first(kind)["target"] = {"kind": "producer", "number": number, "pid": 90 + number}
    entry(plant)["batch"] = 1
    return plant


def test_of_several_jobs_that_others_had_the_first_ones_other_is_named(tmp_path: Path) -> None:
    plant = behind(producer(0, B), behind(producer(1, C), producer(2, B, C)))
    (sentence,) = said_by(producers, plant, tmp_path)
    assert sentence == (
        f"Job {B} is said to have been in the hands of both that faults 1 and 3 killed."
    )


@pytest.mark.parametrize("queued", [[], [C]])
def test_of_several_jobs_that_no_server_was_given_the_first_is_named(
    queued: list[str], tmp_path: Path
) -> None:
    plant = story("before", taken=(B, C))
    plant.first("fault_injected")["parts"]["queued"] = queued
    assert f"put job {B} into the queue is said not to have reached" in said(plant, tmp_path)


@pytest.mark.parametrize(("batch", "told"), [(1, False), (2, False), (3, True)])
def test_a_batch_is_at_least_as_large_as_was_planned(
    batch: int, told: bool, tmp_path: Path
) -> None:
    plant = story()
    entry(plant)["batch"] = batch
    assert ("at another place than was planned" in said(plant, tmp_path)) is told
