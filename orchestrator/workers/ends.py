"""What was done to end each worker of a run, and how its end is called therefore."""

from __future__ import annotations

import signal

from orchestrator.history.records import ReasonOfEnd
from orchestrator.workers.child import ChildHandle, Exit, State
from orchestrator.workers.tracker import Incarnation


class Ends:
    """Told by the fleet whenever it acts, and whenever a worker has ended."""

    def __init__(self) -> None:
        self.died_ns: dict[Incarnation, int] = {}
        """When a fault killed it, or it died unasked (CLOCK_MONOTONIC)."""
        self._fault_of: dict[Incarnation, int] = {}
        self._ignored_stop: set[Incarnation] = set()
        """Those that were asked to stop, and had to be killed."""
        self._terminated: set[Incarnation] = set()
        """Those that were sent SIGTERM."""

    def fault_of(self, child: ChildHandle) -> int | None:
        """The ordinal of the fault that was to end it; None = no fault was."""
        return self._fault_of.get(_key(child))

    def asked_by(self, fault: int, child: ChildHandle) -> None:
        """A fault asks it to stop."""
        self._fault_of[_key(child)] = fault

    def terminated_by(self, fault: int, child: ChildHandle) -> None:
        """A fault sends it SIGTERM."""
        self.asked_by(fault, child)
        self._terminated.add(_key(child))

    def killed_by(self, fault: int, child: ChildHandle, sent_ns: int) -> None:
        """A fault has killed it, or let it die."""
        self.asked_by(fault, child)
        self.died_ns[_key(child)] = sent_ns

    def killed_at_last(self, child: ChildHandle) -> None:
        """No fault kills it, but the run that ends. To be told before it is done."""
        if child.state is State.STOPPING:
            self._ignored_stop.add(_key(child))

    def ended(self, child: ChildHandle, exit_: Exit) -> ReasonOfEnd:
        """It has ended: how that is called."""
        reason = self._reason(child, exit_)
        if reason == "died":
            self.died_ns[_key(child)] = exit_.reaped_ns
        return reason

    def _reason(self, child: ChildHandle, exit_: Exit) -> ReasonOfEnd:
        if _key(child) in self._ignored_stop:
            return "stop_ignored"
        if child.state is State.KILLED:
            return "killed"
        by_sigterm = _key(child) in self._terminated and exit_.signal == signal.SIGTERM
        in_order = exit_.exit_code == 0 or by_sigterm
        return "stopped" if child.state is State.STOPPING and in_order else "died"


def _key(child: ChildHandle) -> Incarnation:
    return child.slot, child.incarnation
