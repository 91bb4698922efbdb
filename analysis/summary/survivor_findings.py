"""What lived on without its first process, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from analysis.faults_named import fault_named
from analysis.metrics.survivors import SurvivorsFound, SurvivorsOutcome

_HOW: Mapping[SurvivorsOutcome, str] = {
    "killed": "They were killed {s} after it, with {left_open} executions open",
    "ended": "They ended by themselves {s} after it, with {left_open} executions open",
    "none": "",
    "unknown": "Their end was not seen",
}


def survivor_findings(survivors: Sequence[SurvivorsFound]) -> Iterator[str]:
    """A sentence for each."""
    for one in survivors:
        name = fault_named("kill_leader_only", one.fault).capitalize()
        if one.outcome == "none":
            yield f"{name}: nobody of slot {one.slot} was seen to outlive its first process."
            continue
        lasted = "some time" if one.gone_s is None else f"{one.gone_s:.1f} s"
        how = _HOW[one.outcome].format(s=lasted, left_open=one.left_open)
        waits = "" if one.unacknowledged is None else f", {one.unacknowledged} unacknowledged"
        effects = "" if one.effects is None else f" (effects: {one.effects}{waits})"
        count = f"{len(one.pids)} process{'es' if len(one.pids) > 1 else ''}"
        yield (
            f"{name}: {count} of slot {one.slot} lived on without the first, with {one.open} "
            f"executions open; they began {one.begun} more and completed {one.completed}"
            f"{effects}. {how}. While they were at them, another worker took {one.taken} of their "
            "jobs."
        )
