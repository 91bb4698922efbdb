"""The rescuer's race at every round trip of a rescue: the control shows what it was built for.

Only by `make test-more-points`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.command_line import Desk
from tests.acceptance.command_line import desk as desk_at
from tests.queues.racing_rescuer.names import CLAIM, FREE, OVERDUE

pytestmark = [
    pytest.mark.database,
    pytest.mark.slow,
    pytest.mark.every_point,
    pytest.mark.timeout(900),
]

LIMIT_S = 800.0
QUEUE = Path(__file__).parents[1] / "queues" / "racing_rescuer"

RACES: dict[str, dict[tuple[str, str], str]] = {
    # It frees what is overdue by then, and asks no more once it has: the rest is its own by right.
    "stock": {
        (OVERDUE, "after"): "clean",
        (FREE["stock"], "before"): "clean",
        (FREE["stock"], "after"): "duplicated",
        (CLAIM, "after"): "duplicated",
    },
    # It frees what was overdue, and has not asked again.
    "overwrites": {
        (OVERDUE, "after"): "duplicated",
        (FREE["overwrites"], "before"): "duplicated",
        (FREE["overwrites"], "after"): "duplicated",
        (CLAIM, "after"): "duplicated",
    },
}
"""By preset: at which of its round trips a rescuer is held while the job is completed, and what
comes of it. Nothing else may be tried, and nothing of it may be missing."""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_at(tmp_path) as made:
        yield made


@pytest.mark.parametrize("preset", RACES)
def test_a_control_shows_exactly_where_its_rescuer_takes_back_a_job_that_was_done(
    preset: str, desk: Desk
) -> None:
    words = ("crash-points", str(QUEUE), "--preset", preset, "--actions=race")
    with desk.started(*words) as process:
        out, error = process.communicate(timeout=LIMIT_S)
    (written,) = desk.results.glob("crash-points-*.json")
    table = json.loads(written.read_text())
    assert table["complete"] and process.returncode == 0, out + error
    assert {point["action"] for point in table["points"]} == {"race"}
    found = {(p["statement"], p["side"]): p["verdict"] for p in table["points"]}
    assert len(table["points"]) == len(found), "none stands there twice"
    assert found == RACES[preset]
