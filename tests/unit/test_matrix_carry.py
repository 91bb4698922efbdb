"""Carrying a matrix out, with histories that are planted where a process would have made them."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from analysis.summary.summary import write_summary
from orchestrator.commands.engine.engine import LocalEngine
from orchestrator.commands.matrix.outcome import Outcome, exit_code_of, judgement_of
from orchestrator.commands.matrix.plan import MatrixRun, Plan, Wish, plan_matrix
from orchestrator.commands.matrix.runner import OVERHEAD_S, Estimate, Matrix, blocks_of
from orchestrator.errors import Interrupted, ResultsError
from orchestrator.run.request import Request
from orchestrator.run.subprocess_run import Ended, IsInterrupted, Tick, longest_s
from tests.histories.drawn import drawn

TINY = str(Path(__file__).parent.parent / "scenarios" / "tiny_matrix.toml")


class Witness:
    """An observer that notes what it is told; of a run that takes two ticks."""

    def __init__(self) -> None:
        self.announced: tuple[int, int, float | None] | None = None
        """All runs, those that are kept, and how long the others will take."""
        self.begun: list[str] = []
        self.left_s: list[float | None] = []
        self.saved: list[int] = []

    def announce(self, plan: Plan, kept: int, left_s: float | None) -> None:
        self.announced = (len(plan.runs), kept, left_s)

    def begin(
        self, done: int, of: int, cell: MatrixRun, left_s: float | None, machine: str = ""
    ) -> None:
        self.begun.append(cell.run_id)

    def tick(self, elapsed_s: float, left_s: float | None) -> None:
        pass

    def end(self, done: int, of: int, outcome: Outcome, left_s: float | None) -> None:
        assert (done, of) == (len(self.left_s) + 1, of)
        self.left_s.append(left_s)

    def give_back(self, run_id: str) -> None:
        raise AssertionError("one machine gives nothing back")

    def note(self, sentence: str) -> None:
        raise AssertionError(sentence)

    def save(self, outcomes: Sequence[Outcome]) -> None:
        self.saved.append(len(outcomes))


def leave_history(cell: MatrixRun, lost: str | None = None) -> None:
    """What a finished run would leave."""
    request = cell.request
    story = drawn(request.resolved, lost=lost)
    story.first("run_start").update(
        library=request.library,
        preset=request.preset.name,
        ordinal=request.ordinal,
        settings=cell.request.preset.settings,
        library_version=cell.request.adapter.version(),
    )
    cell.history.parent.mkdir(exist_ok=True)
    story.write(cell.history.parent, cell.run_id)
    write_summary(cell.history)


@pytest.fixture
def cells(tmp_path: Path) -> list[MatrixRun]:
    libraries = ("control_holding", "control_late_ack")
    return plan_matrix(Wish(libraries, ("stock",), (TINY,), 2, tmp_path / "results")).runs


Stand = Callable[[MatrixRun], str | None]


def carry_out(
    cells: list[MatrixRun], stand_in: Stand, *, overwrite: bool = False, failed_with: int = 2
) -> tuple[list[Outcome], Witness]:
    """`stand_in` does what the process would; what it returns is its complaint."""
    witness = Witness()
    plan = plan_matrix(
        Wish(
            ("control_holding", "control_late_ack"),
            ("stock",),
            (TINY,),
            2,
            cells[0].request.results,
        )
    )

    def run_one(request: Request, *, tick: Tick, interrupted: IsInterrupted) -> Ended:
        tick(1.0)
        complaint = stand_in(next(cell for cell in cells if cell.run_id == request.run_id))
        return Ended(0 if complaint is None else failed_with, complaint or "", 10.0)

    matrix = Matrix(plan, LocalEngine(run_one), witness, witness.save)
    return matrix.carry_out(overwrite=overwrite), witness


def run_well(cell: MatrixRun) -> None:
    leave_history(cell)


def test_every_cell_is_run_judged_and_saved(cells: list[MatrixRun]) -> None:
    outcomes, witness = carry_out(cells, run_well)

    assert [outcome.run_id for outcome in outcomes] == [cell.run_id for cell in cells]
    assert {outcome.verdict for outcome in outcomes} == {"pass"}
    assert exit_code_of(outcomes) == 0
    assert witness.saved == [1, 2, 3, 4]


def test_finished_runs_are_kept_and_a_half_one_is_run(cells: list[MatrixRun]) -> None:
    leave_history(cells[2])
    half = cells[1].history.with_suffix(".jsonl.partial")
    half.write_text("half a line")
    outcomes, witness = carry_out(cells, run_well)

    assert witness.begun == [cells[0].run_id, cells[1].run_id, cells[3].run_id]
    assert [outcome.run_id for outcome in outcomes if outcome.kept] == [cells[2].run_id]
    assert sorted(o.run_id for o in outcomes) == sorted(cell.run_id for cell in cells)


def test_what_is_kept_takes_no_time_in_the_first_estimate(cells: list[MatrixRun]) -> None:
    for cell in cells[:3]:
        leave_history(cell)
    _, one_left = carry_out(cells, run_well)
    _, none_left = carry_out(cells, run_well)

    assert one_left.announced == (4, 3, Estimate().left_s(cells[3:]))
    assert none_left.announced == (4, 4, 0.0)


def test_a_failed_run_stops_no_other_and_counts_before_all_verdicts(cells: list[MatrixRun]) -> None:
    def stand_in(cell: MatrixRun) -> str | None:
        if cell.run_id == cells[0].run_id:
            return "the disk is full"
        leave_history(cell, "j000003" if cell.run_id == cells[1].run_id else None)
        return None

    outcomes, _ = carry_out(cells, stand_in)

    assert [outcome.verdict for outcome in outcomes] == ["error", "fail", "pass", "pass"]
    assert outcomes[0].reasons == ("the disk is full",)
    assert exit_code_of(outcomes) == 2
    assert exit_code_of(outcomes[1:]) == 1


def test_a_run_that_was_not_carried_out_says_why_though_its_exit_code_may_be_a_verdicts(
    cells: list[MatrixRun],
) -> None:
    outcomes, _ = carry_out(cells, lambda _: "worker 0:1 was not ready within 20 s", failed_with=3)

    assert {outcome.reasons for outcome in outcomes} == {("worker 0:1 was not ready within 20 s",)}


def test_a_run_that_leaves_no_history_has_failed(cells: list[MatrixRun]) -> None:
    outcomes, _ = carry_out(cells, lambda _: None)

    assert {outcome.verdict for outcome in outcomes} == {"error"}


def test_a_finished_run_of_something_else_is_refused_before_any_is_run(
    cells: list[MatrixRun],
) -> None:
    leave_history(cells[3])
    text = cells[3].history.read_text()
    cells[3].history.write_text(text.replace(cells[3].digest, "f" * 64))
    begun: list[str] = []

    with pytest.raises(ResultsError, match=f"{cells[3].run_id}: another scenario text or seed"):
        carry_out(cells, lambda cell: begun.append(cell.run_id))
    assert begun == []

    outcomes, _ = carry_out(cells, run_well, overwrite=True)
    assert not any(outcome.kept for outcome in outcomes)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"library_version":"', '"library_version":"0.', "was 0."),
        ('"settings":{', '"settings":{"lease_s":9,', "other settings of the preset: lease_s"),
    ],
)
def test_a_finished_run_of_another_version_or_of_other_settings_is_not_kept(
    old: str, new: str, says: str, cells: list[MatrixRun]
) -> None:
    leave_history(cells[0])
    cells[0].history.write_text(cells[0].history.read_text().replace(old, new, 1))

    with pytest.raises(ResultsError, match=says):
        carry_out(cells, run_well)


def test_an_interruption_ends_the_matrix_and_the_signal_handlers_are_put_back(
    cells: list[MatrixRun],
) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def run_one(request: Request, *, tick: Tick, interrupted: IsInterrupted) -> Ended:
        assert not interrupted()
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupted()
        raise Interrupted

    plan = plan_matrix(Wish(("control_holding",), ("stock",), (TINY,), 2, cells[0].request.results))
    witness = Witness()

    with pytest.raises(Interrupted):
        Matrix(plan, LocalEngine(run_one), witness, witness.save).carry_out(overwrite=False)
    assert signal.getsignal(signal.SIGTERM) == before
    assert witness.saved == []


def test_the_time_left_comes_from_what_finished_cells_took(cells: list[MatrixRun]) -> None:
    estimate = Estimate()
    expected_s = cells[0].request.forecast.expected_s
    assert expected_s is not None
    assert estimate.left_s(cells[:1]) == expected_s + OVERHEAD_S

    estimate.learn(cells[0], 30.0)

    assert estimate.left_s([cells[0]]) == 30.0
    assert estimate.left_s([cells[1]]) == pytest.approx(30.0)
    assert estimate.left_s([cells[0], cells[0]], elapsed_s=10.0) == 50.0
    assert estimate.left_s([cells[0]], elapsed_s=99.0) == 0.0


def test_machines_share_the_time_left_but_no_run_is_split(cells: list[MatrixRun]) -> None:
    estimate = Estimate()
    estimate.learn(cells[0], 30.0)

    assert estimate.left_s([cells[0]] * 4, machines=2) == 60.0
    assert estimate.left_s([cells[0]] * 4, elapsed_s=10.0, machines=2) == 50.0
    assert estimate.left_s([cells[0]] * 4, machines=100) == 30.0


def test_what_is_compared_pair_by_pair_is_one_block(cells: list[MatrixRun]) -> None:
    blocks = blocks_of(cells)

    assert [{request.ordinal for request in block} for block in blocks] == [{1}, {2}]
    assert [len({request.library for request in block}) for block in blocks] == [2, 2]
    assert [request.run_id for block in blocks for request in block] == [
        cell.run_id for cell in cells
    ]


def test_a_run_may_take_as_long_as_all_its_limits_together(cells: list[MatrixRun]) -> None:
    scenario = cells[0].request.scenario

    assert longest_s(scenario) > scenario.workload.duration_s + scenario.limits.drain_s


def test_the_last_job_of_a_closed_loop_may_take_its_whole_turn(cells: list[MatrixRun]) -> None:
    scenario = cells[0].request.scenario
    closed = replace(scenario, workload=replace(scenario.workload, closed_loop=True))

    assert longest_s(closed) == longest_s(scenario) + scenario.limits.turn_s


def test_a_summary_that_is_there_is_read_and_a_missing_one_is_made(cells: list[MatrixRun]) -> None:
    leave_history(cells[0])
    summary = cells[0].history.with_suffix(".summary.json")
    summary.unlink()
    assert judgement_of(cells[0].history).verdict == "pass"
    told = json.loads(summary.read_bytes()) | {"verdict": "fail", "exit_code": 1}
    summary.write_text(json.dumps(told))

    assert judgement_of(cells[0].history).verdict == "fail"


@pytest.mark.parametrize("stale", ["older than its history", "of another version"])
def test_a_stale_summary_is_made_anew(stale: str, cells: list[MatrixRun]) -> None:
    leave_history(cells[0])
    summary = cells[0].history.with_suffix(".summary.json")
    told = json.loads(summary.read_bytes()) | {"verdict": "fail", "exit_code": 1}
    if stale == "of another version":
        told["summary_version"] -= 1
    summary.write_text(json.dumps(told))
    if stale == "older than its history":
        os.utime(summary, (0, 0))

    assert judgement_of(cells[0].history).verdict == "pass"


def test_a_history_that_was_damaged_after_it_was_judged_is_told(cells: list[MatrixRun]) -> None:
    leave_history(cells[0])
    os.utime(cells[0].history.with_suffix(".summary.json"), (0, 0))
    cells[0].history.write_text(cells[0].history.read_text().replace('"n":1,', '"n":"one",'))

    with pytest.raises(ResultsError, match="does not fit its kind"):
        judgement_of(cells[0].history)


def test_a_history_that_cannot_be_judged_is_told(cells: list[MatrixRun]) -> None:
    leave_history(cells[0])
    cells[0].history.with_suffix(".summary.json").unlink()
    text = cells[0].history.read_text()
    cells[0].history.write_text(text.replace('"n":1,', '"n":"one",'))

    with pytest.raises(ResultsError, match="does not fit its kind"):
        judgement_of(cells[0].history)
