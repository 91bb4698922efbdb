"""Has a kill settled? Orphans completed, nothing claimed by the dead, the backlog back."""

from __future__ import annotations

import time

from orchestrator.faults.certificate import Kill, Stage
from orchestrator.history.backlog import SAMPLES_IN_BAND, backlog_band
from orchestrator.observe.parts import RunParts

_LOOK_EVERY_NS = 250_000_000


class Settling:
    """Watches one kill; `waiting_for` says what is still missing.

    `arrivals_per_s` is the rate that the scenario asks for: nobody here knows when each job was
    intended. The analysis counts those of the last second before the kill instead; under a steady
    load the two differ by one job.
    """

    def __init__(self, kill: Kill, parts: RunParts, *, arrivals_per_s: float) -> None:
        self.waiting_for = "the certificate of the kill"
        self._kill = kill
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
        kill = self._kill
        if kill.stage is not Stage.DONE:
            return f"{kill.stage.value} of the killed worker"
        ready_ns = self._ready_ns()
        if ready_ns is None:
            return "the respawned worker to become ready"
        finished = self._tracker.completions.keys() | self._tracker.discarded
        unfinished = kill.orphans - finished
        if unfinished:
            return f"{len(unfinished)} orphans to complete, the first is {min(unfinished)}"
        dead = self._fleet.dead_identities()
        claimed = sum(row.claimed_by in dead for row in self._probe.rows([]))
        if claimed:
            return f"{claimed} rows that dead workers still hold"
        samples = [(sample.t_ns, sample.rows) for sample in list(self._sampler.backlog)]
        band = backlog_band(samples, kill.sent_ns, self._arrivals_per_s)
        after = [rows for t_ns, rows in samples if t_ns >= ready_ns][-SAMPLES_IN_BAND:]
        if len(after) < SAMPLES_IN_BAND or max(after) > band:
            return f"the backlog to come back to {band:g} rows"
        return ""

    def _ready_ns(self) -> int | None:
        child = self._kill.respawned
        ready = child and self._tracker.ready.get((child.slot, child.incarnation))
        return ready.t_ns if ready else None
