"""Each worker's timeline: what it was doing, from its start to its end."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from analysis.ledger.case import open_case
from analysis.metrics.idleness import idleness
from analysis.report.html.plot import NoPlot, Plot, clock_of
from analysis.report.html.workers_plot import STYLES, states_of, workers_plot
from tests.histories.builder import Story
from tests.histories.stories import A, crash
from tests.unit.test_fault_figures import stalled


def states(story: Story, folder: Path) -> dict[str, list[tuple[str, float, str]]]:
    """By the process: what it did, for how many seconds, by which fault."""
    case = open_case(story.write(folder))
    clock, idle = clock_of(case), idleness(case)
    found: dict[str, list[tuple[str, float, str]]] = {}
    for one in case.incarnations:
        lived = sorted(states_of(case, one, idle, clock.end_ns), key=lambda s: (s.from_ns, s.what))
        found[f"{one.slot}-{one.number}"] = [
            (s.what, round((s.to_ns - s.from_ns) / 1e9, 1), s.why)
            for s in lived
            if s.to_ns - s.from_ns > 100_000_000
        ]
    return found


def test_a_worker_that_stood_still_and_then_idled_shows_both(tmp_path: Path) -> None:
    lived = states(stalled(idle_s=5), tmp_path)
    assert lived["0-0"] == [("held up", 4.0, "stall 1"), ("alive and idle", 5.0, "")]


def test_one_that_was_killed_is_dead_until_its_slot_is_filled(tmp_path: Path) -> None:
    story = Story()
    first = story.worker()
    story.enqueue(A)
    story.wait(1)
    first.start(A)
    story.wait(2)
    story.kill(first, held=[A])
    story.wait(3)
    second = story.worker()
    second.run(A)
    story.phase("stop")
    story.wait(1)
    story.exit(second)
    story.end({})
    lived = states(story, tmp_path)
    assert lived["0-0"] == [
        ("ready, without a job", 1.0, ""),
        ("working", 2.0, ""),
        ("dead", 3.0, ""),
    ]
    assert lived["0-1"] == [("draining", 1.0, "")]


def test_no_state_of_a_worker_overlaps_another(tmp_path: Path) -> None:
    for number, story in enumerate((crash(), stalled(idle_s=5), stalled(works=False, idle_s=3))):
        case = open_case(story.write(tmp_path, f"run-{number}"))
        for one in case.incarnations:
            lived = sorted(
                (s.from_ns, s.to_ns)
                for s in states_of(case, one, idleness(case), clock_of(case).end_ns)
                if s.to_ns > s.from_ns
            )
            assert lived
            assert all(end <= begin for (_, end), (begin, _) in pairwise(lived))


def test_the_chart_has_a_row_a_process_and_a_colour_a_state(tmp_path: Path) -> None:
    case = open_case(stalled(idle_s=5).write(tmp_path))
    made = workers_plot(case, clock_of(case))
    assert isinstance(made, Plot)
    assert made.layout["yaxis"]["categoryarray"] == ["slot 0, process 0", "slot 1, process 0"]
    assert {trace["name"] for trace in made.traces} <= STYLES.keys()
    (held,) = [trace for trace in made.traces if trace["name"] == "held up"]
    assert held["hovertext"] == ["slot 0, process 0: held up (stall 1), 4.000 s"]


def test_a_faults_band_says_its_word_and_its_length(tmp_path: Path) -> None:
    case = open_case(stalled().write(tmp_path))
    (band,) = clock_of(case).bands
    assert (band.label, band.title) == ("stall 1", "stall 1, 4.0 s")
    assert band.to_s == pytest.approx(band.from_s + 4, abs=0.001)
    made = workers_plot(case, clock_of(case))
    assert isinstance(made, Plot)
    assert [note["text"] for note in made.layout["annotations"]] == ["stall 1, 4.0 s"]
    assert "Shaded: stall 1 at " in made.says and "over at " in made.says


def test_a_run_without_a_worker_has_no_such_chart(tmp_path: Path) -> None:
    story = Story()
    story.end({})
    case = open_case(story.write(tmp_path))
    assert isinstance(workers_plot(case, clock_of(case)), NoPlot)


def test_one_whose_first_process_was_killed_alone_is_leaderless_until_the_rest_is_gone(
    tmp_path: Path,
) -> None:
    story = Story()
    first = story.worker()
    story.enqueue(A)
    first.start(A)
    story.wait(1)
    fault = story.kill_leader(first)
    second = story.worker()
    story.first("child_spawned", incarnation=1)["after_fault"] = fault
    first.complete(A)
    story.wait(5)
    story.end_of_the_rest(first, fault)
    story.phase("stop")
    story.exit(second)
    story.end({})
    lived = states(story, tmp_path)
    assert lived["0-0"] == [("working", 1.0, ""), ("leaderless", 5.0, "")]
