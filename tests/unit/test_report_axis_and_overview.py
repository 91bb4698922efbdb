"""The axis that leaves waits out, a timeline's end, kills side by side, all runs at a glance."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.ledger.case import Case, open_case
from analysis.report.html.broken_axis import BREAK, broken_axis
from analysis.report.html.kills_plot import kills_plot
from analysis.report.html.overview import overview, worst_place
from analysis.report.html.plot import NoPlot, Plot, clock_of
from analysis.report.html.timeline_plot import (
    crossings,
    end_of_timeline,
    marks_of,
    timeline_plot,
)
from analysis.summary.summary import summarise
from analysis.summary.types import Summary
from tests.histories.builder import Story
from tests.histories.stories import A, crash, healthy

INSTANTS = st.floats(-1000, 1000).map(lambda value: round(value, 3))


def test_a_job_of_50_ms_is_seen_beside_a_wait_of_two_minutes() -> None:
    axis = broken_axis([(-0.05, 0.0), (127.0, 127.05)])
    ticks = axis.ticks()
    left, right = ticks["range"]

    assert axis.gaps[0] == pytest.approx((0.0, 127.0), abs=0.01)
    for begin, end in ((-0.05, 0.0), (127.0, 127.05)):
        assert (axis.at(end) - axis.at(begin)) / (right - left) > 0.3
    assert {"0", "127"} <= set(ticks["ticktext"])
    shapes, texts = axis.marks()
    assert len(shapes) == len(texts) == 1
    assert "127 s" in texts[0]["text"]


def test_without_a_long_wait_nothing_is_left_out() -> None:
    axis = broken_axis([(-1.0, 0.0), (0.2, 3.0)])

    assert axis.gaps == []
    assert axis.at(3.0) - axis.at(-1.0) == pytest.approx(4.0)


@given(st.lists(st.tuples(INSTANTS, INSTANTS).map(sorted).map(tuple), min_size=1), INSTANTS)
def test_later_is_always_further_right(stretches: list[tuple[float, float]], at_s: float) -> None:
    axis = broken_axis(stretches)
    instants = sorted({at_s, *(instant for stretch in stretches for instant in stretch)})
    places = [axis.at(instant) for instant in instants]

    assert all(one < other for one, other in pairwise(places))
    for begin, end in stretches:
        assert axis.at(end) - axis.at(begin) == pytest.approx(end - begin, abs=1e-6)
    for begin, end in axis.gaps:
        assert axis.at(end) - axis.at(begin) == pytest.approx(axis.break_width)
    ticks = axis.ticks()["tickvals"]
    assert ticks == sorted(set(ticks))
    assert BREAK < 1


def two_kills(*, same_slot: bool) -> Story:
    """A is open at the first kill; the second one falls while A still waits."""
    story = Story()
    first, other = story.worker(0), story.worker(1)
    story.enqueue(A, "j000001")
    first.start(A)
    other.start("j000001")
    story.kill(first, [A])
    again = story.worker(0)
    story.wait(1.0)
    if same_slot:
        story.kill(again)
        again = story.worker(0)
    else:
        story.kill(other, ["j000001"])
        other = story.worker(1)
    story.wait(3.0)
    again.run(A)
    other.run("j000001") if not same_slot else other.complete("j000001")
    for worker in (again, other):
        story.exit(worker)
    story.end()
    return story


def judged(story: Story, folder: Path) -> tuple[Case, Summary]:
    case = open_case(story.write(folder))
    return case, summarise(case)


def test_a_later_kill_of_the_slot_ends_a_timeline(tmp_path: Path) -> None:
    case, summary = judged(two_kills(same_slot=True), tmp_path)
    first, second = case.deaths
    end_ns = end_of_timeline(case, first, clock_of(case).end_ns)
    (crossing,) = crossings(case, first, end_ns)

    assert end_ns == second.victim.died_ns
    assert [(s.what, s.to_ns) for s in crossing.stretches][-1] == ("waiting", end_ns)
    marks = marks_of(case, first, end_ns, summary.recovery[0])
    assert "kill 2" in [mark.name for mark in marks]


def test_a_later_kill_elsewhere_is_drawn_and_ends_nothing(tmp_path: Path) -> None:
    case, summary = judged(two_kills(same_slot=False), tmp_path)
    first, second = case.deaths
    clock = clock_of(case)
    end_ns = end_of_timeline(case, first, clock.end_ns)
    found = crossings(case, first, end_ns)
    marks = marks_of(case, first, end_ns, summary.recovery[0])
    shown = timeline_plot(first, found, clock, marks)
    since_s = (second.victim.died_ns - first.victim.died_ns) / 1e9

    assert end_ns == clock.end_ns
    assert [s.what for s in found[0].stretches][-1] == "redelivery, completed"
    assert isinstance(shown, Plot)
    assert f"kill 2, {since_s:.3g} s" in shown.says
    assert "kill 2" in [shape["name"] for shape in shown.layout["shapes"]]


def test_several_kills_are_shown_side_by_side_and_one_is_not(tmp_path: Path) -> None:
    _, summary = judged(two_kills(same_slot=False), tmp_path)
    shown = kills_plot(summary.recovery)

    assert isinstance(shown, Plot)
    assert shown.says.startswith("Each mark is one of 2 kills")
    assert {len(trace["y"]) for trace in shown.traces} <= {1, 2} and shown.traces
    assert isinstance(kills_plot(summary.recovery[:1]), NoPlot)


def test_the_worst_run_comes_first_whatever_its_verdict_is_called(tmp_path: Path) -> None:
    _, twice = judged(crash(), tmp_path)
    _, fine = judged(healthy(), tmp_path)
    lost = msgspec.structs.replace(
        fine, run_id="lost", verdict="fail", jobs=msgspec.structs.replace(fine.jobs, lost=1)
    )
    void = msgspec.structs.replace(fine, run_id="void", verdict="invalid", reasons=["no read"])
    lines = overview([fine, twice, lost, void])

    assert [line.verdict for line in lines] == ["invalid", "fail", "pass", "pass"]
    assert [line.harm for line in lines] == ["grave", "grave", "slight", "none"]
    assert (lines[0].figures, lines[0].why) == ((), "no read")
    assert worst_place([fine, twice]) == 1
    assert worst_place([fine, lost, twice]) == 1
