"""What the checks of one room alone say of a story; and stories of two faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, Protocol

from analysis.history.history import History
from analysis.history.load import load
from tests.histories.builder import Story

OF_FAULTS = ("fault_injected", "fault_ended")


class Room(Protocol):
    """A module of checks."""

    @property
    def CHECKS(self) -> tuple[Callable[[History], Iterator[str]], ...]:  # noqa: N802
        """Each yields sentences."""


def said_by(room: Room, story: Story, folder: Path) -> list[str]:
    """Every sentence, in order. What other rooms would say of the story is not asked."""
    history = load(story.write(folder))
    return [sentence for check in room.CHECKS for sentence in check(history)]


def entry(story: Story) -> dict[str, Any]:
    """What the scenario has of the first fault."""
    planned: dict[str, Any] = story.first("run_start")["scenario"]["faults"][0]
    return planned


def end(story: Story) -> dict[str, Any]:
    """What was seen after the first fault."""
    parts: dict[str, Any] = story.first("fault_ended")["parts"]
    return parts


def behind(prior: Story, story: Story) -> Story:
    """The faults of `prior`, and its plan of them, come first, by their lines' instants as well;
    those of `story` count from there. Nothing else of `prior` is taken, and `story` is changed."""
    lines = [(kind, deepcopy(fields)) for kind, fields in prior.records if kind in OF_FAULTS]
    count = sum(kind == "fault_injected" for kind, _ in lines)
    for _, fields in story.records:
        for name in ("fault", "after_fault"):
            if fields.get(name) is not None:
                fields[name] += count
    for kind, fields in lines:
        fields["t_ns"] = min(fields["t_ns"], story.first(kind)["t_ns"])
    story.records[1:1] = lines
    planned = deepcopy(prior.first("run_start")["scenario"]["faults"])
    story.first("run_start")["scenario"]["faults"][:0] = planned
    return story
