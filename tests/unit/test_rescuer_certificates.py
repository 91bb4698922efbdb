"""The rescuer's race: what the certificate of a stall needs beyond that of any stall."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.compare.crash_points import judge_point
from analysis.summary.summary import analyse
from tests.histories.builder import Story
from tests.unit.test_freeze_certificates import stalled

FREE = "UPDATE job SET state = ?"
Change = Callable[[Story], object]


def raced() -> Story:
    """A stall whose rescuer was held at its UPDATE, and went on after the answer."""
    story = stalled()
    seen = story.first("fault_ended")
    released_ns = seen["parts"]["released_ns"]
    seen["parts"]["rescuer"] = {
        "at_point": {
            "statement": FREE,
            "sql": FREE,
            "phase": "idle",
            "side": "after",
            "rows": 1,
        },
        "freeze": {
            "frozen_ns": released_ns - 2,
            "looked_ns": released_ns + 20,
            "passed_bytes": 0,
            "backend_pids": [8],
        },
        "answered_ns": released_ns + 10,
        "went_on_ns": released_ns + 30,
    }
    seen["t_ns"] = released_ns + 40
    entry = story.first("run_start")["scenario"]["faults"][0]
    entry["rescuer_at"] = {"statement": FREE, "side": "after", "with_rows": True}
    return story


def rescuer(**values: Any) -> Change:
    return lambda story: story.first("fault_ended")["parts"]["rescuer"].update(values)


def freeze(**values: Any) -> Change:
    return lambda story: story.first("fault_ended")["parts"]["rescuer"]["freeze"].update(values)


def at_point(**values: Any) -> Change:
    return lambda story: story.first("fault_ended")["parts"]["rescuer"]["at_point"].update(values)


def unplanned(story: Story) -> None:
    del story.first("run_start")["scenario"]["faults"][0]["rescuer_at"]


def released_ns(story: Story) -> int:
    at_ns: int = story.first("fault_ended")["parts"]["released_ns"]
    return at_ns


def test_a_race_says_where_the_rescuer_was_held_and_how_long(tmp_path: Path) -> None:
    story = raced()
    summary = analyse(story.write(tmp_path))
    assert summary.verdict == "pass", summary.reasons
    (stall,) = summary.stalls
    assert stall.rescuer is not None and stall.stalled_s is not None
    assert (stall.rescuer.statement, stall.rescuer.side, stall.rescuer.rows) == (FREE, "after", 1)
    assert stall.rescuer.held_s == pytest.approx(stall.stalled_s, abs=1e-6)
    assert judge_point(summary).verdict == "duplicated"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (freeze(passed_bytes=1), "bytes passed while the rescuer was held"),
        (freeze(unexplained_bytes=1), "bytes of the rescuer passed that the proxy did not"),
        (freeze(broken=1), "a connection of the rescuer was lost before it went on"),
        (rescuer(outside=[9]), "a session of the rescuer did not go through its proxy"),
        (freeze(backend_pids=[]), "nothing shows that the rescuer had a session of its own"),
        (freeze(backend_pids=[7, 8]), "nothing shows that the rescuer had a session of its own"),
        (rescuer(answered_ns=None), "until the answer"),
        (lambda s: rescuer(went_on_ns=released_ns(s) + 9)(s), "until the answer"),
        (lambda s: rescuer(answered_ns=released_ns(s) - 1)(s), "until the answer"),
        (lambda s: freeze(looked_ns=released_ns(s) + 9)(s), "until the answer"),
        (lambda s: freeze(looked_ns=released_ns(s) + 31)(s), "until the answer"),
        (lambda s: freeze(frozen_ns=released_ns(s) + 1)(s), "until the answer"),
        (at_point(statement="BEGIN"), "was held elsewhere than was planned"),
        (at_point(side="before"), "was held elsewhere than was planned"),
        (at_point(rows=0), "was held at a round trip without rows"),
        (unplanned, "was held though nothing was planned so"),
    ],
)
def test_what_a_race_lacks_voids_the_run(change: Change, says: str, tmp_path: Path) -> None:
    story = raced()
    change(story)
    summary = analyse(story.write(tmp_path))
    assert summary.verdict == "invalid"
    assert says in " ".join(summary.reasons)


def test_a_rescuer_that_never_came_to_its_round_trip_is_not_reached(tmp_path: Path) -> None:
    story = raced()
    del story.first("fault_ended")["parts"]["rescuer"]
    summary = analyse(story.write(tmp_path))
    (stall,) = summary.stalls
    assert stall.rescuer is not None and stall.rescuer.held_s is None
    run = judge_point(summary)
    assert (run.verdict, run.why) == (
        "not_reached",
        ("The rescuer never came to this round trip.",),
    )
