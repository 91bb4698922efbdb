"""What is asked of an enumeration beside the queue itself, and the command that asks for it."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.compare.crash_points import Action, TriedSide
from orchestrator.commands.crash_points.plan import USUAL_ACTIONS, USUAL_SIDES, Subject


@dataclass(frozen=True)
class Wish:
    """What is asked for beside the queue itself."""

    only: frozenset[str] = frozenset()
    """Ids of points; empty = all."""
    repetitions: int = 1
    actions: tuple[Action, ...] = USUAL_ACTIONS
    sides: tuple[TriedSide, ...] = USUAL_SIDES
    max_bound_s: float = 60.0
    """Longer rescues are not waited for."""
    fold: bool = True
    """False = every round trip is a point of its own."""


def command_of(subject: Subject, wish: Wish) -> str:
    """What carries it out again."""
    words = ["crashbench", "crash-points", subject.library, "--preset", subject.preset_name]
    words += [] if wish.actions == USUAL_ACTIONS else ["--actions", ",".join(wish.actions)]
    words += [] if wish.sides == USUAL_SIDES else ["--sides", ",".join(wish.sides)]
    if wish.max_bound_s != Wish.max_bound_s:
        words += ["--max-bound", f"{wish.max_bound_s:g}"]
    words += [word for setting in subject.settings for word in ("--setting", setting)]
    if wish.repetitions != 1:
        words += ["--repetitions", str(wish.repetitions)]
    words += [word for point in sorted(wish.only) for word in ("--only", point)]
    return " ".join([*words, *([] if wish.fold else ["--all"])])
