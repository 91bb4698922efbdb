"""The benchmark of crash points counts whole points alone, and says when it was too slow."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from analysis.compare.crash_points import CrashPoints, PointOutcome, PointRun, PointVerdict
from tests.benchmarks import crash_point_rate
from tests.benchmarks.crash_point_rate import count_whole, figure


def table(verdict: PointVerdict = "clean", took_s: float = 2.0) -> CrashPoints:
    point = PointOutcome(
        id="00000000",
        workload="single",
        statement="COMMIT",
        phase="completed",
        wave=0,
        ordinal=1,
        side="before",
        action="kill",
        verdict=verdict,
        runs=(PointRun(run_id="a", verdict=verdict),),
        sql="COMMIT",
        folded=0,
        nondeterministic=False,
    )
    return CrashPoints(
        crash_points_version=1,
        library="control_holding",
        library_version="1",
        preset="stock",
        folder="crash_points/control_holding-stock",
        command="",
        repetitions=1,
        lanes=4,
        took_s=took_s,
        runs=1,
        complete=True,
        points=(point,),
    )


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the history of the one run; its certificate lacks what the test says."""
    folder = tmp_path / table().folder
    folder.mkdir(parents=True)
    (folder / "a.jsonl").touch()
    whole = SimpleNamespace(certificate=SimpleNamespace(missing=[]))
    summary = SimpleNamespace(recovery=[whole])
    monkeypatch.setattr(crash_point_rate, "read_summary", lambda path: summary)
    return tmp_path


def test_a_run_with_certificate_history_and_verdict_counts(results: Path) -> None:
    assert count_whole(table(), results) == 1


@pytest.mark.parametrize("verdict", ["invalid", "not_reached", "unknown", "lost"])
def test_a_verdict_that_this_control_cannot_come_to_is_an_error(
    results: Path, verdict: PointVerdict
) -> None:
    with pytest.raises(RuntimeError, match=f"a is {verdict}"):
        count_whole(table(verdict), results)


def test_a_run_without_its_history_is_an_error(results: Path) -> None:
    (results / table().folder / "a.jsonl").unlink()
    with pytest.raises(RuntimeError, match="a has 1 certificates, or no history"):
        count_whole(table(), results)


def test_a_certificate_that_lacks_a_part_is_an_error(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = SimpleNamespace(certificate=SimpleNamespace(missing=["eof"]))
    monkeypatch.setattr(
        crash_point_rate, "read_summary", lambda path: SimpleNamespace(recovery=[lacking])
    )
    with pytest.raises(RuntimeError, match="a is clean"):
        count_whole(table(), results)


@pytest.mark.parametrize(
    ("points", "took_s", "standing"),
    [(210, 70.0, "met"), (210, 71.0, "MISSED"), (199, 1.0, "MISSED")],
)
def test_the_rate_is_met_at_three_a_second_over_so_many_points(
    points: int, took_s: float, standing: str
) -> None:
    found = figure(points, 200, msgspec.structs.replace(table(), took_s=took_s), [4.0, 6.0])
    assert (found.standing, found.limit, found.binding) == (standing, ">= 3 /s", True)
    assert f"{points / took_s:.2f} /s" == found.measured
    assert "0.20 /s" in found.detail
