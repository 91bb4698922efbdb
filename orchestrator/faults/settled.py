"""Has a fault settled? Orphans completed and acknowledged, nothing claimed by the dead, the backlog
back."""

from __future__ import annotations

import time

from orchestrator.faults.injected import InjectedFault
from orchestrator.faults.table import row_of
from orchestrator.history.backlog import SAMPLES_IN_BAND, backlog_band
from orchestrator.observe.parts import RunParts
from orchestrator.observe.probe import claimed_ns
from worker_child.adapters.contract import InboxRow

_LOOK_EVERY_NS = 250_000_000
_OPEN_STATES = frozenset({"queued", "retrying", "claimed"})


class Settling:
    """Watches one fault; `waiting_for` says what is still missing.

    `arrivals_per_s` is the rate that the scenario asks for: nobody here knows when each job was
    intended. The analysis counts those of the last second before the fault instead; under a steady
    load the two differ by one job.
    """

    def __init__(self, fault: InjectedFault, parts: RunParts, *, arrivals_per_s: float) -> None:
        self.waiting_for = "the certificate of the fault"
        self.fault = fault
        self.looked = False
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
            self._looked_ns, self.looked = now_ns, True
            self.waiting_for = self._missing()
            if not self.waiting_for:
                self._settled_ns = now_ns
        return self._settled_ns

    def _missing(self) -> str:
        fault = self.fault
        if not fault.certified:
            return fault.waiting_for
        healed_ns = fault.healed_ns()
        if healed_ns is None:
            return row_of(fault.plan.entry).healed
        finished = self._tracker.completions.keys() | self._tracker.discarded
        unfinished = fault.orphans - finished
        if unfinished:
            return f"{len(unfinished)} orphans to complete, the first is {min(unfinished)}"
        rows = self._probe.rows(sorted(fault.orphan_rows))
        claimed = sum(row.state == "claimed" and self._is_of_dead(row) for row in rows)
        if claimed:
            return f"{claimed} rows that dead workers still hold"
        # A completion may be from before the kill: only the queue says that a job is settled since.
        if owed := {row.inbox_id for row in rows if self._is_owed(row)}:
            return f"{len(owed)} orphans to be acknowledged, the first is row {min(owed)}"
        samples = [(sample.t_ns, sample.rows) for sample in list(self._sampler.backlog)]
        band = backlog_band(samples, fault.sent_ns, self._arrivals_per_s)
        after = [rows for t_ns, rows in samples if t_ns >= healed_ns][-SAMPLES_IN_BAND:]
        if len(after) < SAMPLES_IN_BAND or max(after) > band:
            return f"the backlog to come back to {band:g} rows"
        return ""

    def _is_of_dead(self, row: InboxRow) -> bool:
        """Whether a dead worker holds it."""
        return self._fleet.held_by_dead(row.claimed_by, claimed_ns(row, time.monotonic_ns()))

    def _is_owed(self, row: InboxRow) -> bool:
        """Whether the queue is not done with an orphan, in its own row or in another."""
        job_id = row.job_id or self._tracker.job_of_inbox_id.get(row.inbox_id)
        is_orphan = row.inbox_id in self.fault.orphan_rows or job_id in self.fault.orphans
        return is_orphan and row.state in _OPEN_STATES
