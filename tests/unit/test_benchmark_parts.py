"""The parts of the benchmarks that judge: they can say met, MISSED and machine_limited."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.summary import analyse
from tests.benchmarks.figure import Costs, absolute_time, ratio
from tests.benchmarks.synthetic_history import write_history


@pytest.mark.parametrize(("limit", "standing"), [(2.0, "met"), (1.9, "MISSED")])
def test_a_ratio_is_judged_by_the_median_of_its_rounds(limit: float, standing: str) -> None:
    rounds = [Costs(1.0, 1.0), Costs(2.0, 1.0), Costs(90.0, 1.0)]
    figure = ratio("x", rounds, limit, unit="us")
    assert figure.standing == standing
    assert figure.binding
    assert figure.measured == "2.00 x"
    assert figure.detail.startswith("1.00..90.00 in 3 rounds")


@pytest.mark.parametrize(
    ("kept", "tripped", "standing"),
    [
        (True, False, "met"),
        (True, True, "met"),
        (False, False, "MISSED"),
        (False, True, "machine_limited"),
    ],
)
def test_an_absolute_time_is_void_only_when_missed_on_a_stalled_machine(
    kept: bool, tripped: bool, standing: str
) -> None:
    figure = absolute_time("x", "9 s", "<= 5 s", kept=kept, tripped=tripped)
    assert (figure.standing, figure.binding) == (standing, False)


def test_the_synthetic_history_is_judged_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "synthetic.jsonl"
    told = write_history(path, jobs=20_000)
    summary = analyse(path)
    assert (summary.verdict, summary.reasons) == ("pass", [])
    assert summary.jobs["enqueued"] == told.jobs
    assert summary.jobs["lost"] == 0
    assert summary.crash["duplicates_by_crash"] == told.duplicates > 0
    assert summary.crash["re_executions"] == told.re_executions > told.duplicates


def test_the_synthetic_history_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        write_history(tmp_path / name, jobs=20_000)
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
