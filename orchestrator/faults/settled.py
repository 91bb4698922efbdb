"""Has a fault settled? Orphans completed, nothing claimed by the dead, the backlog back."""

from __future__ import annotations

import time

from orchestrator.faults.injected import InjectedFault
from orchestrator.faults.table import row_of
from orchestrator.history.backlog import SAMPLES_IN_BAND, backlog_band
from orchestrator.observe.parts import RunParts

_LOOK_EVERY_NS = 250_000_000


class Settling:
    """Watches one fault; `waiting_for` says what is still missing.

    `arrivals_per_s` is the rate that the scenario asks for: nobody here knows when each job was
    intended. The analysis counts those of the last second before the fault instead; under a steady
    load the two differ by one job.
    """

    def __init__(self, fault: InjectedFault, parts: RunParts, *, arrivals_per_s: float) -> None:
        self.waiting_for = "the certificate of the fault"
        self._fault = fault
        self._fleet = parts.fleet
        self._tracker = parts.tracker
        self._probe = parts.probe
        self._sampler = parts.sampler
        self._arrivals_per_s = arrivals_per_s
        self._looked_ns = 0
        self._settled_ns: int | None = None

    def look(self) -> int | None:
        """The instant since when it has settled, or None. Raises psycopg.Error."""
        now_ns = time.monotonic_ns()
        if self._settled_ns is None and now_ns - self._looked_ns >= _LOOK_EVERY_NS:
            self._looked_ns = now_ns
            self.waiting_for = self._missing()
            if not self.waiting_for:
                self._settled_ns = now_ns
        return self._settled_ns

    def _missing(self) -> str:
        fault = self._fault
        if not fault.certified:
            return fault.waiting_for
        healed_ns = fault.healed_ns()
        if healed_ns is None:
            return row_of(fault.plan.entry).healed
        finished = self._tracker.completions.keys() | self._tracker.discarded
        unfinished = fault.orphans - finished
        if unfinished:
            return f"{len(unfinished)} orphans to complete, the first is {min(unfinished)}"
        dead = self._fleet.dead_identities()
        claimed = sum(row.claimed_by in dead for row in self._probe.rows([]))
        if claimed:
            return f"{claimed} rows that dead workers still hold"
        samples = [(sample.t_ns, sample.rows) for sample in list(self._sampler.backlog)]
        band = backlog_band(samples, fault.sent_ns, self._arrivals_per_s)
        after = [rows for t_ns, rows in samples if t_ns >= healed_ns][-SAMPLES_IN_BAND:]
        if len(after) < SAMPLES_IN_BAND or max(after) > band:
            return f"the backlog to come back to {band:g} rows"
        return ""
