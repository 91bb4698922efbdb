"""A kill at a round trip: what its certificate needs beyond that of any kill."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.summary.summary import analyse
from tests.histories.builder import Story
from tests.histories.planted import crash

STATEMENT = "COMMIT"
Parts = dict[str, Any]


def frozen() -> Story:
    """The crash, its kill at a round trip of the first worker."""
    story = crash()
    sent, seen = story.first("fault_injected"), story.first("fault_ended")
    at_ns = sent["t_ns"] - 1000
    sent.update(trigger="point", biased=True, intended_ns=at_ns)
    sent["parts"]["at_point"] = {
        "statement": STATEMENT,
        "sql": STATEMENT,
        "phase": "completed",
        "side": "before",
        "rows": 2,
    }
    seen["parts"]["freeze"] = {
        "frozen_ns": sent["t_ns"] - 500,
        "looked_ns": seen["parts"]["reaped_ns"] + 10,
        "passed_bytes": 0,
        "backend_pids": [7],
    }
    story.first("run_start")["scenario"]["faults"] = [
        {
            "what": "kill",
            "at_point": {
                "statement": STATEMENT,
                "phase": "completed",
                "side": "before",
                "with_rows": True,
            },
        }
    ]
    return story


def test_a_kill_at_a_round_trip_is_certified(tmp_path: Path) -> None:
    summary = analyse(frozen().write(tmp_path))
    assert summary.verdict == "pass", summary.reasons
    assert (summary.recovery[0].trigger, summary.recovery[0].late) == ("point", False)


def before(**values: Any) -> Callable[[Story], object]:
    return lambda story: story.first("fault_injected")["parts"]["at_point"].update(values)


def freeze(**values: Any) -> Callable[[Story], object]:
    return lambda story: story.first("fault_ended")["parts"]["freeze"].update(values)


def ahead(story: Story) -> None:
    story.first("fault_ended")["parts"]["freeze"]["frozen_ns"] = story.first("job_started")["t_ns"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda story: story.first("fault_injected")["parts"].pop("at_point"),
            "it does not say at which round trip",
        ),
        (
            lambda story: story.first("fault_ended")["parts"].pop("freeze"),
            "nothing shows that its connections were frozen",
        ),
        (freeze(passed_bytes=1), "bytes passed after its connections had been frozen"),
        (freeze(backend_pids=[8]), "a session of the victim did not go through the proxy"),
        (freeze(unexplained_bytes=1), "bytes passed that the proxy did not understand"),
        (freeze(broken=1), "a connection was lost before the victim was killed"),
        (freeze(looked_ns=1), "it was frozen after the kill, or looked at before its end"),
        (freeze(frozen_ns=2**62), "it was frozen after the kill, or looked at before its end"),
        (ahead, "after its connections had been frozen: it was not stopped where it seems"),
        (before(statement="BEGIN"), "another round trip than was planned"),
        (before(side="after"), "another round trip than was planned"),
        (before(phase="started"), "another round trip than was planned"),
        (before(rows=0), "a round trip without any rows"),
    ],
)
def test_what_its_certificate_lacks_voids_the_run(
    change: Callable[[Story], object], says: str, tmp_path: Path
) -> None:
    story = frozen()
    change(story)
    summary = analyse(story.write(tmp_path))
    assert summary.verdict == "invalid"
    assert says in " ".join(summary.reasons)


def test_a_folded_point_may_be_met_in_any_phase(tmp_path: Path) -> None:
    story = frozen()
    story.first("run_start")["scenario"]["faults"][0]["at_point"] = {
        "statement": STATEMENT,
        "side": "before",
    }
    assert analyse(story.write(tmp_path)).verdict == "pass"
