"""The parts of the benchmarks that judge: they can say met, MISSED and machine_limited."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from analysis.summary.summary import analyse
from tests.benchmarks.analysis_growth import growth, require_room
from tests.benchmarks.figure import Costs, NoRoomError, absolute_time, ratio
from tests.benchmarks.synthetic_history import Told, write_history


@pytest.mark.parametrize(("limit", "standing"), [(2.0, "met"), (1.9, "MISSED")])
def test_a_ratio_is_judged_by_the_median_of_its_rounds(limit: float, standing: str) -> None:
    rounds = [Costs(1.0, 1.0), Costs(2.0, 1.0), Costs(90.0, 1.0)]
    figure = ratio("x", rounds, limit, unit="us")
    assert figure.standing == standing
    assert figure.binding
    assert figure.measured == "2.00 x"
    assert figure.detail.startswith("1.00..90.00 in 3 rounds")


@pytest.mark.parametrize(("limit", "standing"), [(2.0, "met"), (2.1, "MISSED")])
def test_a_ratio_that_is_to_be_high_is_missed_from_below(limit: float, standing: str) -> None:
    figure = ratio("x", [Costs(2.0, 1.0)], limit, unit="jobs/s", at_least=True)
    assert (figure.standing, figure.limit) == (standing, f">= {limit:g} x")


def test_the_growth_of_a_linear_analysis_is_one() -> None:
    short, long = Told(25_000, 100_000, 0, 0), Told(250_000, 1_000_000, 0, 0)
    ten_short_s = 10 * 0.2
    assert growth(2.0, long, ten_short_s, short) == Costs(2.0, 2.0)
    assert growth(20.0, long, ten_short_s, short).ratio == pytest.approx(10.0)


def test_a_full_disk_is_told_of_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=3_000_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    require_room(tmp_path / "folder", 2_400_000_000)
    with pytest.raises(NoRoomError, match=r"need 2\.6 GB in .*, which has 3\.0 GB free"):
        require_room(tmp_path / "folder", 2_600_000_000)


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
    assert summary.jobs.enqueued == told.jobs
    assert summary.jobs.lost == 0
    assert summary.crash.duplicates_by_crash == told.duplicates > 0
    assert summary.crash.re_executions == told.re_executions > told.duplicates


def test_the_synthetic_history_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        write_history(tmp_path / name, jobs=20_000)
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
