"""What the report's charts are made of: the right instants, values and words, and valid figures."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from analysis.compare.cells import load_run
from analysis.history.columns import Ints
from analysis.ledger.case import Case, open_case
from analysis.metrics.latency import NEVER, distribution, instants
from analysis.report.html import latency_plot as latency
from analysis.report.html.comparison import comparison
from analysis.report.html.latency_plot import bucket_percentiles, latency_plot
from analysis.report.html.load_plots import by_second
from analysis.report.html.percentile_plot import curve
from analysis.report.html.plot import Json, NoPlot, Plot, Shown, clock_of, numbers
from analysis.report.html.run_view import RunView, run_view
from analysis.report.html.timeline_plot import Crossing, crossings, timeline_plot
from analysis.summary.summary import summarise
from tests.histories.builder import ORIGIN_NS, Story
from tests.histories.loaded import burdened, erring, sampled, unfair
from tests.histories.planted import PLANTED
from tests.histories.side_by_side import compared, write
from tests.histories.stories import A, B, crash, healthy

STORIES = {
    "burdened": burdened,
    "erring": erring,
    "sampled": lambda: sampled([0, 5, 900, 1, 1]),
    "unfair": unfair,
    **{name: planted.plant for name, planted in PLANTED.items()},
}


def opened(story: Story, folder: Path) -> Case:
    return open_case(story.write(folder))


def view(story: Story, folder: Path) -> RunView:
    case = opened(story, folder)
    return run_view(case, summarise(case), 0)


def plot(view: RunView, key: str) -> Plot:
    found = next(shown for shown in view.plots if shown.key == key)
    assert isinstance(found, Plot), found
    return found


def values(column: Json | list[Any]) -> list[Any]:
    if isinstance(column, list):
        return column
    unpacked: list[Any] = np.frombuffer(base64.b64decode(column["bdata"]), column["dtype"]).tolist()
    return unpacked


def trace(plot: Plot, name: str) -> Json:
    return next(found for found in plot.traces if found["name"] == name)


def in_colour(part: Any) -> Any:
    """A figure with some colour in the place of each of the page's own names."""
    if isinstance(part, str) and part.startswith("--"):
        return "#000000"
    if isinstance(part, list):
        return [in_colour(inner) for inner in part]
    if isinstance(part, dict):
        return {key: in_colour(inner) for key, inner in part.items()}
    return part


def every_plot(view: RunView) -> list[Shown]:
    return [*view.plots, *(kill.plot for kill in view.kills)]


@pytest.mark.parametrize("name", STORIES)
def test_every_chart_is_one_that_plotly_accepts(name: str, tmp_path: Path) -> None:
    for shown in every_plot(view(STORIES[name](), tmp_path)):
        if isinstance(shown, Plot):
            assert go.Figure(in_colour(shown.figure)).data
            assert shown.says
        else:
            assert shown.why.endswith(".")


@pytest.mark.parametrize("name", STORIES)
def test_every_chart_has_a_key_of_its_own(name: str, tmp_path: Path) -> None:
    keys = [shown.key for shown in every_plot(view(STORIES[name](), tmp_path))]

    assert len(set(keys)) == len(keys)


def since(story: Story, t_ns: int) -> float:
    return round((t_ns - ORIGIN_NS) / 1e9, 6)


def test_the_fault_is_shaded_until_its_last_orphan_had_settled_and_ready_is_marked_within(
    tmp_path: Path,
) -> None:
    story = crash()
    kill_ns = story.first("fault_injected")["t_ns"]
    ready_ns = story.first("child_ready", incarnation=1)["t_ns"]
    settled_ns = story.first("job_completed", job_id=B, incarnation=1)["t_ns"]
    case = opened(story, tmp_path)
    (band,) = clock_of(case, summarise(case).recovery).bands

    assert band.label == "kill 1"
    assert (band.from_s, band.ready_s) == (since(story, kill_ns), since(story, ready_ns))
    assert band.to_s == band.settled_s == pytest.approx(since(story, settled_ns), abs=1e-5)
    assert band.from_s < ready_ns < band.to_s * 1e9 + ORIGIN_NS
    shapes = plot(view(story, tmp_path), "latency").layout["shapes"]
    assert [(shape["x0"], shape["x1"]) for shape in shapes] == [
        (band.from_s, band.to_s),
        (band.from_s, band.from_s),
        (band.ready_s, band.ready_s),
    ]


def test_a_fault_whose_slot_or_orphans_never_came_back_is_shaded_to_the_end(tmp_path: Path) -> None:
    for name in ("effect_without_event", "stranded_past_its_deadline"):
        case = opened(PLANTED[name].plant(), tmp_path)
        clock = clock_of(case, summarise(case).recovery)

        (band,) = clock.bands
        assert band.ready_s is None or band.settled_s is None
        assert band.to_s == pytest.approx(clock.length_s, abs=1e-3)


def test_a_slot_whose_successor_is_killed_is_filled_by_the_one_after_it(tmp_path: Path) -> None:
    story = Story()
    first = story.worker()
    story.enqueue(A)
    first.start(A)
    story.kill(first, held=[A])
    story.kill(story.worker(ready=False))
    third = story.worker()
    story.wait(3)
    third.run(A)
    story.exit(third)
    story.wait(5)
    story.end()
    case = opened(story, tmp_path)
    clock = clock_of(case, summarise(case).recovery)
    ready_s = since(story, story.first("child_ready", incarnation=2)["t_ns"])

    assert [band.ready_s for band in clock.bands] == [ready_s, ready_s]
    assert [band.to_s for band in clock.bands] == [clock.bands[0].settled_s, ready_s]
    assert clock.bands[0].to_s < clock.length_s - 4


def test_few_jobs_are_points_at_their_intended_instants(tmp_path: Path) -> None:
    story = erring()
    drawn = trace(plot(view(story, tmp_path), "latency"), "pickup")

    assert drawn["text"] == ["j000000", "j000001", "j000002"]
    assert values(drawn["x"]) == pytest.approx([0.0, 0.001, 0.002], abs=2e-3)


def test_many_jobs_are_percentiles_of_stretches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latency, "MOST_POINTS", 3)
    drawn = plot(view(burdened(), tmp_path), "latency")

    assert [found["name"] for found in drawn.traces] == [
        "pickup p50",
        "pickup p99",
        "total p50",
        "total p99",
    ]
    assert "stretches" in drawn.says


def test_a_percentile_that_falls_among_jobs_without_an_end_is_a_gap() -> None:
    def column(*found: int) -> Ints:
        return np.array(found, np.int64)

    places, found = bucket_percentiles(
        column(0, 0, 0, 4), column(0, 0, 0, 0), column(3_000_000, NEVER, 1_000_000, NEVER), 500
    )

    assert places.tolist() == [0, 4]
    assert found.tolist() == pytest.approx([3.0, float("nan")], nan_ok=True)


def test_seconds_without_an_instant_count_nought() -> None:
    seconds, counts = by_second(np.array([ORIGIN_NS, ORIGIN_NS + 2_500_000_000]), ORIGIN_NS)

    assert (seconds.tolist(), counts.tolist()) == ([0, 1, 2], [1, 0, 1])


def test_the_percentile_plot_agrees_with_the_table(tmp_path: Path) -> None:
    ends = np.arange(1, 1001, dtype=np.int64) * 1_000_000
    figures = distribution(np.zeros(1000, np.int64), ends)
    found = dict(zip(*curve(figures), strict=True))

    assert found[10.0] == figures.p90
    assert found[100.0] == figures.p99
    assert found[1000.0] == figures.p99_9


def test_the_percentile_plot_ends_where_the_censored_jobs_begin() -> None:
    ends = np.array([1_000_000] * 90 + [NEVER] * 10, np.int64)
    beyond, _ = curve(distribution(np.zeros(100, np.int64), ends))

    assert beyond[0] == 1.0
    assert 8 < beyond[-1] <= 10


def timeline(story: Story, folder: Path) -> tuple[list[Crossing], Plot]:
    case = opened(story, folder)
    clock = clock_of(case)
    (death,) = case.deaths
    found = crossings(case, death, clock.end_ns)
    shown = timeline_plot(death, found, clock)
    assert isinstance(shown, Plot)
    return found, shown


def test_a_timeline_says_what_the_kill_cut_off_and_what_ended_it(tmp_path: Path) -> None:
    """A is open at the kill, B had completed unacknowledged; the next incarnation runs both."""
    found, shown = timeline(crash(), tmp_path)
    whats = {crossing.job_id: [s.what for s in crossing.stretches] for crossing in found}

    assert whats == {
        A: ["cut off by the kill", "waiting", "redelivery, completed"],
        B: [
            "completed before the kill, unacknowledged",
            "waiting",
            "redelivery, completed once more",
        ],
    }
    assert trace(shown, "redelivery, completed once more")["y"] == [f"{B} duplicated"]
    assert {c.job_id: c.verdict for c in found} == {A: "completed_once", B: "duplicated"}


def test_a_job_that_nobody_ran_again_waits_to_the_end(tmp_path: Path) -> None:
    found, _ = timeline(PLANTED["stranded_past_its_deadline"].plant(), tmp_path)
    (stranded,) = (crossing for crossing in found if crossing.verdict == "stranded")

    assert [s.what for s in stranded.stretches] == ["cut off by the kill", "waiting"]
    assert stranded.stretches[-1].to_ns == max(s.to_ns for c in found for s in c.stretches)


def test_an_effect_without_its_event_is_told_from_a_job_that_did_nothing(tmp_path: Path) -> None:
    found, _ = timeline(PLANTED["effect_without_event"].plant(), tmp_path)
    whats = [s.what for c in found for s in c.stretches]

    assert "cut off after its effect was committed" in whats


def test_bars_begin_and_end_at_the_instants_of_the_history(tmp_path: Path) -> None:
    story = crash()
    kill_ns = story.first("fault_injected")["t_ns"]
    started_ns = story.first("job_started", job_id=A, incarnation=0)["t_ns"]
    again_ns = story.first("job_started", job_id=A, incarnation=1)["t_ns"]
    _, shown = timeline(story, tmp_path)

    ticks = shown.layout["xaxis"]
    at = dict(zip(map(float, ticks["ticktext"]), ticks["tickvals"], strict=True))
    zero = at[0.0]

    assert trace(shown, "cut off by the kill")["base"] == [
        pytest.approx(zero + (started_ns - kill_ns) / 1e9, abs=1e-3)
    ]
    (again,) = trace(shown, "redelivery, completed")["base"]
    second, place = next((s, p) for s, p in at.items() if s > 3)
    assert again - place == pytest.approx((again_ns - kill_ns) / 1e9 - second, abs=1e-3)
    assert trace(shown, "redelivery, completed")["hovertext"] == [
        f"{A}: redelivery, completed, 0.001 s"
    ]


def test_a_run_without_a_fault_has_neither_timeline_nor_shade(tmp_path: Path) -> None:
    shown = view(healthy(), tmp_path)

    assert shown.kills == []
    assert plot(shown, "latency").layout["shapes"] == []


def test_what_does_not_apply_says_why(tmp_path: Path) -> None:
    absent = {s.key: s.why for s in view(healthy(), tmp_path).plots if isinstance(s, NoPlot)}

    assert {"tenants", "queries", "memory"} <= absent.keys()


def test_the_noisy_tenant_is_marked(tmp_path: Path) -> None:
    shown = plot(view(unfair(), tmp_path), "tenants")

    assert [annotation["text"] for annotation in shown.layout["annotations"]] == ["noisy"]
    assert "t0000" in shown.says


def test_numbers_are_exact_in_the_shorter_type_or_else_in_the_longer() -> None:
    assert numbers([1.0, 2.5])["dtype"] == "f4"
    assert numbers([0.1])["dtype"] == "f8"
    assert values(numbers([0.1, 7])) == [0.1, 7.0]


def charts(folder: Path, *stories: Story) -> dict[str, Plot]:
    runs = [load_run(write(story, folder)) for story in stories]
    plots = (shown for part in comparison(runs) for shown in part.plots)
    return {shown.title: shown for shown in plots if isinstance(shown, Plot)}


def test_a_few_runs_are_values_without_an_interval(tmp_path: Path) -> None:
    found = charts(tmp_path, *(compared(p, n) for p in ("stock", "tuned") for n in (1, 2)))
    shown = found["worker resumes, seconds from a timed kill"]

    assert [one["name"] for one in shown.traces] == ["a value"]
    assert len(shown.traces[0]["y"]) == 4
    assert "nothing is ranked" in shown.says


def test_six_runs_get_a_median_and_an_interval(tmp_path: Path) -> None:
    found = charts(tmp_path, *(compared("stock", n) for n in range(1, 8)))
    shown = found["first orphan picked up, seconds from a timed kill"]

    assert [one["name"] for one in shown.traces] == ["a value", "median and interval"]


def test_a_median_leaves_out_what_a_stalled_machine_measured(tmp_path: Path) -> None:
    few = charts(tmp_path, *(compared("stock", n) for n in range(1, 8)))
    more = charts(
        tmp_path,
        *(compared("stock", n) for n in range(1, 8)),
        *(compared("stock", n, limited=True) for n in (20, 30)),
    )
    title = "first orphan picked up, seconds from a timed kill"

    assert trace(more[title], "median and interval") == trace(few[title], "median and interval")


def test_a_value_of_a_stalled_machine_has_a_mark_of_its_own(tmp_path: Path) -> None:
    found = charts(tmp_path, compared("stock", 1), compared("stock", 2, limited=True))
    shown = found["worker resumes, seconds from a timed kill"]

    assert [one["name"] for one in shown.traces] == ["a value", "machine limited"]
    assert "not pooled" in shown.says


def test_an_invalid_run_is_named_with_its_reason_and_has_no_mark(tmp_path: Path) -> None:
    stories = [compared("stock", 1), compared("stock", 2), compared("stock", 3, certified=False)]
    runs = [load_run(write(story, tmp_path)) for story in stories]
    html = "".join(part.html for part in comparison(runs))
    (shown,) = (p for p in charts(tmp_path, *stories).values() if p.title.startswith("pickup p50"))

    assert "Invalid runs" in html and runs[2].run_id in html
    assert sum(len(one["y"]) for one in shown.traces) == 2


def test_a_single_run_is_compared_with_nothing(tmp_path: Path) -> None:
    assert comparison([load_run(write(compared("stock", 1), tmp_path))]) == []


def test_latency_of_a_run_without_jobs_does_not_apply(tmp_path: Path) -> None:
    story = Story()
    story.exit(story.worker())
    story.end()
    case = opened(story, tmp_path)

    assert isinstance(latency_plot(case, instants(case.history, None), clock_of(case)), NoPlot)
