"""The rescuer's race: a rescuer is held at one of its statements, the worker whose job it rescues
completes that job meanwhile, and then the rescuer goes on.

Where the rescuer has freed the job already only by `make test-more-points`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.compare.crash_points import judge_point
from analysis.summary.types import Summary
from orchestrator.commands.crash_points.workloads import Ability, race_scenario
from orchestrator.faults.rescuer_watch import RescuerWatch
from orchestrator.postgres.server import Server
from orchestrator.scenario.triggered import AtPoint, PointSide
from tests.queues.one_run import summary_of_run
from tests.queues.racing_rescuer.names import CLAIM, COMPLETE, FREE, OVERDUE

pytestmark = [pytest.mark.database, pytest.mark.slow]

QUEUE = Path(__file__).with_name("racing_rescuer")
PLAIN = Ability(fans_out=False, retries=False, least=(1, 1))
AT_MOST_S = 40.0
"""The stall is over as soon as the rescuer is held."""


COMPLETION = AtPoint(statement=COMPLETE, phase="completed", side="before")


def raced(
    server: Server, results: Path, preset: str, at: AtPoint, at_most_s: float = AT_MOST_S
) -> Summary:
    scenario = race_scenario("race", PLAIN, COMPLETION, at, at_most_s)
    return summary_of_run(
        scenario, library=str(QUEUE), preset=preset, dsn=server.dsn, results=results
    )


BY_RIGHT: list[tuple[str, str, PointSide, bool, str]] = [
    (preset, statement, "after", True, "duplicated")
    for preset, free in FREE.items()
    for statement in (free, CLAIM)
]
"""Once it has been freed the job is another's, whatever the first one then says."""
RACES: list[tuple[str, str, PointSide, bool, str]] = [
    ("stock", OVERDUE, "after", True, "clean"),
    ("stock", FREE["stock"], "before", False, "clean"),
    # Between its two statements the job was done, and it does not ask.
    ("overwrites", OVERDUE, "after", True, "duplicated"),
    ("overwrites", FREE["overwrites"], "before", False, "duplicated"),
]
"""By preset: the statement at which the rescuer is held, and what comes of the job."""


@pytest.mark.parametrize(
    ("preset", "statement", "side", "with_rows", "verdict"),
    [*RACES, *(pytest.param(*race, marks=pytest.mark.every_point) for race in BY_RIGHT)],
)
def test_a_rescuer_that_does_not_ask_again_has_a_completed_job_done_twice(
    server: Server,
    tmp_path: Path,
    preset: str,
    statement: str,
    side: PointSide,
    with_rows: bool,
    verdict: str,
) -> None:
    at = AtPoint(statement=statement, side=side, with_rows=with_rows)
    summary = raced(server, tmp_path, preset, at)
    run = judge_point(summary)
    assert run.verdict == verdict, (summary.reasons, summary.stalls)
    (stall,) = summary.stalls
    assert stall.certificate.missing == [] and stall.rescuer is not None
    held_s, went_on_s = stall.rescuer.held_s, stall.rescuer.went_on_s
    assert held_s is not None and went_on_s is not None and stall.stalled_s is not None
    assert held_s < stall.stalled_s <= went_on_s
    assert stall.stalled_s < AT_MOST_S, "it is over once the rescuer is held"
    assert stall.rescuer.rows == (None if side == "before" else 1)


def test_a_rescuer_that_never_comes_to_its_round_trip_is_not_reached(
    server: Server, tmp_path: Path
) -> None:
    summary = raced(server, tmp_path, "stock", AtPoint(statement="VACUUM", side="before"), 1.0)
    run = judge_point(summary)
    assert (run.verdict, run.why) == (
        "not_reached",
        ("The rescuer never came to this round trip.",),
    )


LetGo = Callable[[RescuerWatch, int | None, list[int]], object]


def leaking(let_go: LetGo) -> LetGo:
    """A Sync of the rescuer reaches the server all the same while it is held."""

    def leak(self: RescuerWatch, answered_ns: int | None, pids: list[int]) -> object:
        link = self._proxy._links[0]
        self._proxy._do(lambda: link._to_server(b"S\0\0\0\4"))
        return let_go(self, answered_ns, pids)

    return leak


def unheard(let_go: LetGo) -> LetGo:
    """It goes on before the stalled worker's request was answered."""
    return lambda self, answered_ns, pids: let_go(self, None, pids)


def beside(let_go: LetGo) -> LetGo:
    """A session of its that the proxy knows nothing of."""
    return lambda self, answered_ns, pids: let_go(self, answered_ns, [*pids, 1])


@pytest.mark.parametrize(
    ("planted", "says"),
    [
        (leaking, "bytes passed while the rescuer was held"),
        pytest.param(
            unheard,
            "was not held from before everything flowed again until the answer",
            marks=pytest.mark.every_point,
        ),
        pytest.param(
            beside,
            "a session of the rescuer did not go through its proxy",
            marks=pytest.mark.every_point,
        ),
    ],
)
def test_a_race_that_was_none_voids_the_run(
    planted: Callable[[LetGo], LetGo],
    says: str,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(RescuerWatch, "let_go", planted(RescuerWatch.let_go))
    at = AtPoint(statement=FREE["stock"], side="before")
    summary = raced(server, tmp_path, "stock", at)
    assert judge_point(summary).verdict == "invalid"
    assert says in " ".join(summary.reasons)
