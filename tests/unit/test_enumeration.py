"""An enumeration, its runs planted: what is repeated, what is kept, what is refused."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from analysis.compare.crash_points import CrashPoints, exit_code_of
from analysis.summary.summary import write_summary
from orchestrator.commands.crash_points import kept as kept_module
from orchestrator.commands.crash_points.enumeration import (
    MOST_ATTEMPTS,
    Enumeration,
    Progress,
    RunFailedError,
    UnsoundListingError,
)
from orchestrator.commands.crash_points.kept import Kept
from orchestrator.commands.crash_points.plan import Subject
from orchestrator.commands.crash_points.wish import Wish
from orchestrator.commands.crash_points.workloads import Ability
from orchestrator.commands.engine.engine import Block, Ends, Listener
from orchestrator.paths import ROOT
from orchestrator.run import environment
from orchestrator.run.request import Request
from orchestrator.run.subprocess_run import Ended, IsInterrupted
from tests.histories.builder import Story
from tests.histories.planted import PLANTED
from tests.histories.stories import A, crash
from worker_child.adapters import load_adapter
from worker_child.adapters.contract import Workers

CLAIM, ACK = "UPDATE q SET claimed", "DELETE FROM q"
SERVER = "15.9"
Plant = Callable[[], Story]


def noted(plant: Plant, *said: tuple[str, str, int]) -> Story:
    """A planted run that lists these round trips: statement, phase, rows."""
    story = plant()
    at_ns = story.first("run_end")["t_ns"] - 1
    details: list[dict[str, Any]] = [
        {
            "number": number,
            "statement": statement,
            "sql": statement,
            "phase": phase,
            "rows": rows,
            "connection": 0,
            "executes": True,
            "wave": -1 if phase == "idle" else 0,
            "foretold": False,
            "settles": False,
        }
        for number, (statement, phase, rows) in enumerate(said)
    ]
    for detail in details:
        line = {"t_ns": at_ns, "code": "round_trip", "detail": detail}
        story.records.insert(-1, ("note", line))
    return story


def healthy() -> Story:
    return noted(
        PLANTED["a_healthy_run"].plant,
        (CLAIM, "idle", 0),
        (CLAIM, "waiting", 1),
        (ACK, "completed", 1),
    )


def nothing_said() -> Story:
    return noted(PLANTED["a_healthy_run"].plant)


def unfinished() -> Story:
    """One job is left over: it does not pass, and is not invalid either."""
    story = Story()
    first = story.worker()
    story.enqueue(A)
    first.start(A)
    story.kill(first, held=[A])
    second = story.worker()
    story.wait(60)
    story.exit(second)
    story.end({A: "claimed"})
    return noted(lambda: story, (CLAIM, "waiting", 1))


@cache
def written(plant: Plant) -> dict[str, bytes]:
    """A planted run's files, by how their names end; it is analysed once."""
    with tempfile.TemporaryDirectory() as folder:
        history = plant().write(Path(folder))
        write_summary(history)
        summary = history.with_name(f"{history.stem}.summary.json")
        return {".jsonl": history.read_bytes(), ".summary.json": summary.read_bytes()}


class PlantedEngine:
    """Writes the next planted history for each run; the last one again and again."""

    def __init__(
        self,
        listings: Sequence[Plant],
        points: Sequence[Plant] = (crash,),
        *,
        errors: Sequence[Ended] = (),
    ) -> None:
        self._plants = {True: list(listings), False: list(points)}
        self._errors = list(errors)
        """Of the first runs."""
        self.carried: list[str] = []

    def machines(self) -> int:
        return 1

    def carry_out(
        self, blocks: Sequence[Block], listener: Listener, interrupted: IsInterrupted
    ) -> Ends:
        for request in (request for block in blocks for request in block):
            listener.begun(request, "")
            plants = self._plants[request.scenario.list_round_trips]
            plant = plants.pop(0) if len(plants) > 1 else plants[0]
            request.results.mkdir(parents=True, exist_ok=True)
            for ending, content in written(plant).items():
                (request.results / f"{request.run_id}{ending}").write_bytes(content)
            self.carried.append(request.run_id)
            yield request, self._errors.pop(0) if self._errors else Ended(0, "", 0.1)


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    control = load_adapter("control_late_ack")
    preset = control.preset("stock", Workers(1, 1, 1, 5, 1.0))
    ability = Ability.of(control, preset, (1, 1))
    return Subject("control_late_ack", "stock", (), tmp_path / "runs", preset, ability)


def test_where_a_run_was_is_told_and_what_befalls_a_machine(subject: Subject) -> None:
    told: list[str] = []
    seen: list[Progress] = []

    class Elsewhere(PlantedEngine):
        def carry_out(
            self, blocks: Sequence[Block], listener: Listener, interrupted: IsInterrupted
        ) -> Ends:
            for request, ended in super().carry_out(blocks, listener, interrupted):
                listener.given_back(request)
                listener.begun(request, "two")
                listener.note("one is lost")
                yield request, ended

    wish = Wish(actions=("kill",))
    enumeration = Enumeration(
        subject, wish, Elsewhere([healthy]), Kept(SERVER, None), seen.append, told.append
    )
    assert list(enumeration.carry_out(lambda: False))[-1].complete
    assert {progress.machine for progress in seen} == {"two"}
    assert told == ["one is lost"] * len(seen)


def enumerate_(
    subject: Subject, engine: PlantedEngine, earlier: CrashPoints | None = None
) -> CrashPoints:
    *_, table = Enumeration(
        subject,
        Wish(actions=("kill",)),
        engine,
        Kept(SERVER, earlier),
        lambda progress: None,
        print,
    ).carry_out(lambda: False)
    return table


@pytest.fixture
def this_run(monkeypatch: pytest.MonkeyPatch, subject: Subject) -> dict[str, Any]:
    """Every history was begun as its request asks for, but for what is changed here."""
    changed: dict[str, Any] = {}

    def read(history: Path) -> Any:
        request = requests[history.name.removesuffix(".jsonl")]
        start = {
            "scenario_sha256": request.resolved.digest,
            "library_version": request.adapter.version(),
            "adapter_sha256": request.adapter_sha256,
            "settings": request.preset.settings,
            "environment": {
                "postgres": {"version": SERVER},
                "code": environment.describe_code(ROOT),
            },
        }
        return SimpleNamespace(**{**start, **changed})

    requests: dict[str, Request] = {}
    ask = Subject.request

    def remember(self: Subject, *asked: Any) -> Request:
        request = ask(self, *asked)
        requests[request.run_id] = request
        return request

    monkeypatch.setattr(Subject, "request", remember)
    monkeypatch.setattr(kept_module, "read_start", read)
    return changed


def test_a_run_without_harm_that_did_not_pass_is_repeated_and_then_relied_on(
    subject: Subject,
) -> None:
    engine = PlantedEngine([unfinished, healthy])
    table = enumerate_(subject, engine)
    said = {p.statement for p in table.points if p.side != "body"}
    assert table.complete and said == {CLAIM, ACK}
    listings = [run_id for run_id in engine.carried if run_id.startswith("crash_points_")]
    assert len(listings) == 7 and len(set(listings)) == 6


def test_a_listing_that_never_passes_is_no_listing(subject: Subject) -> None:
    engine = PlantedEngine([unfinished])
    with pytest.raises(UnsoundListingError, match=r"a run without harm, did not pass \(unknown\)"):
        enumerate_(subject, engine)
    assert len(engine.carried) == 6 * (MOST_ATTEMPTS - 1) + 1


NOT_READY = Ended(3, "worker 0:0 was not ready within 20 s", 0.1, no_verdict=True)
NOT_BUILT = Ended(2, "the worker is out of date", 0.1, no_verdict=True)


def test_a_run_that_the_machine_did_not_let_go_on_is_repeated(subject: Subject) -> None:
    engine = PlantedEngine([healthy], errors=[NOT_READY] * 6)
    table = enumerate_(subject, engine)
    assert table.complete and {p.verdict for p in table.points} == {"duplicated"}
    assert engine.carried[:6] == engine.carried[6:12]


@pytest.mark.parametrize(
    ("answer", "runs"), [(NOT_BUILT, 1), (NOT_READY, 6 * (MOST_ATTEMPTS - 1) + 1)]
)
def test_a_run_that_cannot_be_carried_out_ends_the_enumeration_with_its_sentence(
    answer: Ended, runs: int, subject: Subject
) -> None:
    engine = PlantedEngine([healthy], errors=[answer] * 99)
    with pytest.raises(RunFailedError, match=answer.said) as caught:
        enumerate_(subject, engine)
    assert caught.value.exit_code == answer.exit_code
    assert len(engine.carried) == runs


def test_a_point_whose_run_never_can_be_carried_out_is_invalid_and_the_others_are_tried(
    subject: Subject,
) -> None:
    listed = [Ended(0, "", 0.1)] * 6
    engine = PlantedEngine([healthy], errors=[*listed, NOT_READY])
    first = enumerate_(subject, engine)
    assert {point.verdict for point in first.points} == {"duplicated"}, "it was repeated"

    table = enumerate_(subject, PlantedEngine([healthy], errors=[*listed, *[NOT_READY] * 999]))
    assert table.complete and len(table.points) == len(first.points)
    runs = [run for point in table.points for run in point.runs]
    assert {(run.verdict, run.why) for run in runs} == {("invalid", (NOT_READY.complaint,))}
    assert exit_code_of(table.points) == 3


def test_where_nothing_was_tried_nothing_is_vouched_for(subject: Subject) -> None:
    table = enumerate_(subject, PlantedEngine([nothing_said]))
    assert table.points == () and exit_code_of(table.points) == 4


def test_what_was_carried_out_is_kept(subject: Subject, this_run: dict[str, Any]) -> None:
    first = enumerate_(subject, PlantedEngine([healthy]))
    again = PlantedEngine([healthy])
    table = enumerate_(subject, again, first)
    assert again.carried == [] and table.points == first.points
    assert (first.kept, table.runs, table.kept) == (0, 0, first.runs)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scenario_sha256", "another"),
        ("library_version", "another"),
        ("adapter_sha256", "another"),
        ("settings", {"another": 1}),
        ("environment", {"postgres": {"version": SERVER}, "code": {"sha256": "another"}}),
    ],
)
def test_what_was_carried_out_otherwise_is_carried_out_anew(
    name: str, value: object, subject: Subject, this_run: dict[str, Any]
) -> None:
    first = enumerate_(subject, PlantedEngine([healthy]))
    this_run[name] = value
    again = PlantedEngine([healthy])
    enumerate_(subject, again, first)
    assert len(again.carried) == first.runs


def test_what_another_server_has_carried_out_is_carried_out_anew(
    subject: Subject, this_run: dict[str, Any]
) -> None:
    code = environment.describe_code(ROOT)
    first = enumerate_(subject, PlantedEngine([healthy]))
    this_run["environment"] = {"postgres": {"version": "14.1"}, "code": code}
    again = PlantedEngine([healthy])
    enumerate_(subject, again, first)
    assert len(again.carried) == first.runs


def test_a_run_that_did_not_reach_its_point_is_repeated_unless_it_was_already(
    subject: Subject, this_run: dict[str, Any]
) -> None:
    never = PLANTED["a_healthy_run"].plant
    first = enumerate_(subject, PlantedEngine([healthy], [never]))
    assert {p.verdict for p in first.points} == {"not_reached"}
    finished = PlantedEngine([healthy], [never])
    assert enumerate_(subject, finished, first).points == first.points
    assert finished.carried == []
    interrupted = PlantedEngine([healthy], [crash])
    table = enumerate_(subject, interrupted, None)
    assert {p.verdict for p in table.points} == {"duplicated"}
    assert len(interrupted.carried) == len(first.points)
