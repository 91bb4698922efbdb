"""A fault that is none of a check's hides no later one that is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from analysis.checks import (
    crash_loops,
    departures,
    leaders,
    namesakes,
    networks,
    outages,
    pauses,
    producers,
)
from tests.histories.builder import Story
from tests.histories.stories import A, B, C, same_name
from tests.unit.said_by import behind, end, entry, said_by
from tests.unit.test_boundaries_of_leaders import outlived
from tests.unit.test_departures_as_planned import dies, leaves, terminated
from tests.unit.test_killed_producers import story as batch
from tests.unit.test_networks import black_hole, listener_lost
from tests.unit.test_outages_of_a_database import outage
from tests.unit.test_pauses import story as pause
from tests.unit.test_rounds_of_kills import looped

Plant = Callable[[], Story]
A_KILL = {"what": "kill", "when": {"completed": 1}}


def but(plant: Plant, change: Callable[[Story], object]) -> Plant:
    def changed() -> Story:
        story = plant()
        change(story)
        return story

    return changed


def planned(**values: Any) -> Callable[[Story], object]:
    return lambda story: entry(story).update(values)


def planned_as_a_kill(story: Story) -> None:
    entry(story).clear()
    entry(story).update(A_KILL)


def seen(**values: Any) -> Callable[[Story], object]:
    return lambda story: end(story).update(values)


def unseen(story: Story) -> None:
    """Nothing was seen after it."""
    end(story).clear()


def never_over(story: Story) -> None:
    story.first("fault_ended").pop("healed_ns")


def spoken_while_stopped(story: Story) -> None:
    at_ns = end(story)["stopped_ns"] + 1000
    story.first("job_completed", slot=0, job_id=A)["t_ns"] = at_ns


def done_meanwhile(story: Story) -> None:
    at_ns = story.first("fault_ended")["healed_ns"] - 1_000_000_000
    story.first("job_completed", job_id=C)["t_ns"] = at_ns


def as_another_worker(story: Story) -> None:
    end(story)["lived_on"] = [story.first("child_spawned", slot=1)["pid"]]


def signalled_late(story: Story) -> None:
    del end(story)["again_ns"]


PAUSE_OF_ALL = partial(outage, "database_pause")
LOCK = partial(outage, "table_lock")
SOONER = "was ended sooner than was planned"
NO_DEPARTURE = but(leaves, planned_as_a_kill)
CASES: dict[str, tuple[Any, Plant, Plant, str]] = {
    "crash loops": (crash_loops, pause, partial(looped, ready=True), "before it was ready"),
    "stops": (pauses, but(pause, unseen), but(pause, spoken_while_stopped), "wrote 1 lines"),
    "lengths of pauses": (
        pauses,
        but(pause, unseen),
        but(pause, planned(pause_s=60.0)),
        "let its worker go on sooner",
    ),
    "names": (namesakes, pause, but(same_name, seen(identity="x")), "borne another name"),
    "instants of networks": (
        networks,
        listener_lost,
        but(black_hole, planned(for_s=60.0)),
        "pass sooner than was planned",
    ),
    "lengths of networks": (
        networks,
        but(black_hole, planned_as_a_kill),
        but(black_hole, planned(for_s=60.0)),
        "pass sooner than was planned",
    ),
    "aims": (
        networks,
        black_hole,
        but(listener_lost, seen(aimed_at=[7])),
        "ended other sessions than those",
    ),
    "batches never sent": (
        producers,
        partial(batch, "after"),
        partial(batch, "before", taken=(B,)),
        "is said not to have reached the server",
    ),
    "batches put in": (
        producers,
        partial(batch, "before", taken=()),
        partial(batch, "after", taken=()),
        "nobody ever saw any job of it there",
    ),
    "places of producers": (
        producers,
        but(batch, planned_as_a_kill),
        but(batch, planned(batch=3)),
        "at another place than was planned",
    ),
    "leaders": (leaders, pause, but(outlived, planned(survivors_for_s=9)), "before their time"),
    "leaders that were not reaped": (
        leaders,
        but(outlived, unseen),
        but(outlived, planned(survivors_for_s=9)),
        "before their time",
    ),
    "those of another worker": (leaders, pause, but(outlived, as_another_worker), "itself"),
    "lengths": (outages, but(LOCK, planned_as_a_kill), but(LOCK, planned(for_s=60.0)), SOONER),
    "ends": (
        outages,
        but(LOCK, never_over),
        but(LOCK, lambda s: s.first("fault_ended").update(healed_ns=1)),
        "was over before it began",
    ),
    "writes": (outages, LOCK, but(PAUSE_OF_ALL, done_meanwhile), "jobs were completed with"),
    "writes after what was not seen": (
        outages,
        but(PAUSE_OF_ALL, unseen),
        but(PAUSE_OF_ALL, done_meanwhile),
        "jobs were completed with",
    ),
    "graces": (
        departures,
        but(leaves, unseen),
        but(dies, planned(grace_s=60.0)),
        "before its grace was over",
    ),
    "second signals": (
        departures,
        leaves,
        but(terminated, signalled_late),
        "did not signal again when it was due",
    ),
    "second signals after a first that was not sent": (
        departures,
        but(terminated, unseen),
        but(terminated, signalled_late),
        "did not signal again when it was due",
    ),
    "successors": (
        departures,
        but(leaves, unseen),
        but(leaves, planned(successor="before")),
        "did not come when it was planned to",
    ),
    "successors after one that did not come": (
        departures,
        but(leaves, never_over),
        but(leaves, planned(successor="before")),
        "did not come when it was planned to",
    ),
}
"""By what is asked: the room, a fault of which this is not said there, a later one of which it is,
and what."""


@pytest.mark.parametrize("what", CASES)
def test_a_fault_that_is_not_asked_about_hides_no_later_one(what: str, tmp_path: Path) -> None:
    room, prior, story, says = CASES[what]
    assert not any(says in sentence for sentence in said_by(room, prior(), tmp_path))
    said = said_by(room, behind(prior(), story()), tmp_path)
    assert any(says in sentence for sentence in said), said
