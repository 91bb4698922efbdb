"""Replaces the workers that die unasked: each in its slot, and not for ever."""

from __future__ import annotations

import time

from orchestrator.errors import ChildFailedError
from orchestrator.faults.injector import FaultInjector
from orchestrator.faults.table import row_of
from orchestrator.observe.parts import RunParts
from worker_child.protocol import Note

LIMIT = 5
"""How often a worker that dies unasked is replaced."""


class Replacements:
    """Of one run with `slots` slots."""

    def __init__(self, parts: RunParts, injector: FaultInjector, *, slots: int) -> None:
        self._parts = parts
        self._injector = injector
        self._slots = slots
        self._made = 0

    def make(self) -> None:
        """Fill the slot of whoever has died. Raises `ChildFailedError` beyond the limit."""
        if self._parts.absence.on or self._parts.absence.shut:
            return  # it would find no server: whoever died is replaced once that answers again
        died, cut_off = self._parts.fleet.died, self._parts.absence.cut_off
        for child in [child for child in died if child.slot not in cut_off]:
            died.remove(child)
            message = f"worker {child.slot}:{child.incarnation} died unasked"
            self._parts.recorder.record(
                Note(t_ns=time.monotonic_ns(), code="worker_died", message=message)
            )
            self._made += 1
            limit = LIMIT + self._by_faults()
            if self._made > limit:
                raise ChildFailedError(
                    f"workers died unasked more than {limit} times. The last one said:\n"
                    + child.stderr_tail()
                )
            self._parts.fleet.spawn(child.slot)

    def _by_faults(self) -> int:
        """A library may lose all of its workers by a fault that was to end none: a finding."""
        survivable = sum(not row_of(f.plan.entry).ends_process for f in self._injector.injected)
        return survivable * self._slots
