"""The controls: what each must show, as SQL over its own audit and the ledger's tables. Pure data.

The tables are those of `oracle`: what was started and done, by whom, who was killed, and the audit
of every claim and acknowledgement. Each query gives job ids. A set that a control does not name
must be empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from orchestrator.paths import SCENARIOS
from worker_child.protocol import HoldPoint

SetName = Literal["stranded", "redelivered", "duplicated", "lost"]
SETS: tuple[SetName, ...] = ("stranded", "redelivered", "duplicated", "lost")

PRESET = "stock"

_LEFT_BY_KILL = "SELECT job_id FROM left_by_kill"
_DONE_AND_LEFT_BY_KILL = "SELECT job_id FROM left_by_kill JOIN done USING (job_id, worker)"
_CLAIMED_NOT_DONE = """
SELECT job_id FROM audit WHERE action = 'claimed' EXCEPT SELECT job_id FROM done
"""
_CLAIMED_NOT_ACKNOWLEDGED_NOT_DONE = """
SELECT job_id FROM audit WHERE action = 'claimed'
EXCEPT SELECT job_id FROM audit WHERE action = 'acknowledged'
EXCEPT SELECT job_id FROM done
"""
_CLAIMED_AGAIN = """
SELECT job_id FROM audit WHERE action = 'claimed' GROUP BY job_id HAVING count(*) >= 2
"""
_CLAIMED_AGAIN_BEFORE_ITS_END_AND_DONE_TWICE = """
SELECT claim.job_id FROM audit AS claim
WHERE action = 'claimed' AND NOT EXISTS (
    SELECT 1 FROM audit AS earlier
    WHERE earlier.job_id = claim.job_id AND earlier.action = 'acknowledged'
      AND earlier.sequence < claim.sequence
)
GROUP BY claim.job_id HAVING count(*) >= 2
INTERSECT
SELECT job_id FROM done GROUP BY job_id HAVING count(*) >= 2
"""
_LEASE_RUNS_OUT = """
SELECT job_id FROM job, run WHERE length_us >= 3 * lease_s * 1e6
UNION SELECT job_id FROM open_at_pause
"""


@dataclass(frozen=True)
class Control:
    """One control queue and what it must show.

    `predicts` holds for every run. `fixed` holds where jobs are held until the kill: each set is
    that of the jobs held at these points, known before the run. `at_least` are jobs that must be
    among a set, whatever else is.
    """

    library: str
    scenarios: tuple[str, ...]
    predicts: Mapping[SetName, str]
    fixed: Mapping[SetName, tuple[HoldPoint, ...]] = field(default_factory=dict)
    at_least: Mapping[SetName, str] = field(default_factory=dict)
    finds: tuple[SetName, ...] = ()
    """Sets that must not be empty, whenever the kill comes: an instrument that never finds one
    finds nothing."""


_KILLED = ("control_held", "control_timed")
_HARMED = (*_KILLED, "control_paused")
_RUN_AGAIN: Mapping[SetName, str] = {
    "redelivered": _LEFT_BY_KILL,
    "duplicated": _DONE_AND_LEFT_BY_KILL,
}
_RUN_AGAIN_FIXED: Mapping[SetName, tuple[HoldPoint, ...]] = {
    "redelivered": ("started", "effect", "completed"),
    "duplicated": ("effect", "completed"),
}

CONTROLS: tuple[Control, ...] = (
    Control(
        library="control_short_lease",
        scenarios=("control_short_lease", "control_paused"),
        predicts={
            "redelivered": _CLAIMED_AGAIN,
            "duplicated": _CLAIMED_AGAIN_BEFORE_ITS_END_AND_DONE_TWICE,
        },
        at_least={"duplicated": _LEASE_RUNS_OUT},
    ),
    # The kill rolls claim and deletion back; the effect was in a connection of the job's own.
    Control("control_holding", _HARMED, _RUN_AGAIN, _RUN_AGAIN_FIXED),
    Control(
        library="control_delete_first",
        scenarios=_HARMED,
        predicts={"lost": _CLAIMED_NOT_DONE},
        fixed={"lost": ("started",)},
    ),
    Control(
        library="control_never_rescues",
        scenarios=_HARMED,
        predicts={"stranded": _CLAIMED_NOT_ACKNOWLEDGED_NOT_DONE},
        fixed={"stranded": ("started",)},
    ),
    # Whatever was finished since the last batch is still claimed, and will be done again.
    Control(
        "control_late_ack",
        _HARMED,
        _RUN_AGAIN,
        _RUN_AGAIN_FIXED,
        finds=("duplicated", "redelivered"),
    ),
)
"""In the order in which they are run: the longest first."""


@dataclass(frozen=True)
class Trial:
    """One control in one scenario."""

    control: Control
    scenario: str

    @property
    def run_id(self) -> str:
        """As `orchestrator.run.run.Request` names it."""
        return f"{self.scenario}-{self.control.library}-{PRESET}-001"

    @property
    def finds(self) -> tuple[SetName, ...]:
        """The sets that must not be empty here."""
        return self.control.finds if self.scenario in _KILLED else ()

    @property
    def path(self) -> Path:
        """The scenario's file."""
        return SCENARIOS / "controls" / f"{self.scenario}.toml"


def all_trials() -> list[Trial]:
    """Every control in each of its scenarios."""
    return [Trial(control, scenario) for control in CONTROLS for scenario in control.scenarios]
