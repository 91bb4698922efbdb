"""The one way by which a command has its runs carried out, and its first implementation: here."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Protocol

from orchestrator.run.request import Request
from orchestrator.run.subprocess_run import Ended, IsInterrupted, Tick, run_in_process

Ends = Generator[tuple[Request, Ended], None, None]
"""Runs, each with how it ended; to be closed by whoever does not take all of them."""
Block = Sequence[Request]
"""Runs that are compared with each other: they stay on one machine, in this order."""


class Listener(Protocol):
    """Who hears of runs that are under way."""

    def begun(self, request: Request, machine: str) -> None:
        """It is about to run; `machine` = where, empty for this one."""
        ...

    def tick(self, elapsed_s: float) -> None:
        """Each second; the run that began last has gone on for so long."""
        ...

    def given_back(self, request: Request) -> None:
        """It will not end where it was under way, and begins anew elsewhere."""
        ...

    def note(self, sentence: str) -> None:
        """Something happened that the user ought to know of."""
        ...


class Engine(Protocol):
    """Carries runs out. Whatever it says has ended well has its files in the results folder."""

    def machines(self) -> int:
        """How many runs may go on side by side at this moment; at least 1."""
        ...

    def carry_out(
        self, blocks: Sequence[Block], listener: Listener, interrupted: IsInterrupted
    ) -> Ends:
        """Every run once, each with how it ended, as it ends.

        Raises `Interrupted` once everything under way has been ended because `interrupted` said
        so, and `CrashbenchError` where the rest cannot be carried out at all.
        """
        ...


class RunOne(Protocol):
    """Carries one run out in a process of its own, as `run_in_process` does."""

    def __call__(self, request: Request, *, tick: Tick, interrupted: IsInterrupted) -> Ended: ...


class LocalEngine:
    """On this machine, one run at a time, in the order in which they come."""

    def __init__(self, run_one: RunOne = run_in_process) -> None:
        self._run_one = run_one

    def machines(self) -> int:
        """This one."""
        return 1

    def carry_out(
        self, blocks: Sequence[Block], listener: Listener, interrupted: IsInterrupted
    ) -> Ends:
        """See `Engine`."""
        for request in (request for block in blocks for request in block):
            listener.begun(request, "")
            try:
                ended = self._run_one(request, tick=listener.tick, interrupted=interrupted)
            except OSError as error:
                ended = Ended(None, f"the run cannot be started: {error}", 0.0)
            yield request, ended
