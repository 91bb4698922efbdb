"""Where the runs of an enumeration are under way."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.run.request import Request


class UnderWay:
    """The engine's listener; `tell` hears what the user ought to know of it."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._machines: dict[str, str] = {}
        """By the run's id; empty for this one."""

    def machine_of(self, request: Request) -> str:
        """Of a run that has ended; it is under way no more."""
        return self._machines.pop(request.run_id, "")

    def begun(self, request: Request, machine: str) -> None:
        """See `Listener`."""
        self._machines[request.run_id] = machine

    def tick(self, elapsed_s: float) -> None:
        """See `Listener`: each run has its line once it has ended."""

    def given_back(self, request: Request) -> None:
        """See `Listener`."""
        self._machines.pop(request.run_id, None)

    def note(self, sentence: str) -> None:
        """See `Listener`."""
        self._tell(sentence)
