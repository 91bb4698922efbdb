"""Whoever deletes every line of a kind from a real history, and mends what counts them, is found
out, or changes what people are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from analysis.checks.consistency import disagreements
from analysis.checks.instants import PATIENCE_NS
from analysis.checks.samples import TURN_NS, _each_second
from analysis.history.load import load
from orchestrator.history.records import KINDS, ClockAnchorRecord
from tests.histories.builder import ORIGIN_NS, Story
from tests.histories.mutator import Line, mended, recorded, summary
from tests.histories.one_change import written
from tests.histories.stories import A
from tests.unit.stand_in_history import stand_in

RECORDED = recorded()
SAMPLED = frozenset({"clock_anchor", "resource_sample", "queue_snapshot"})
Wanted = Callable[[Line], bool]


def of_kind(kind: str, **wanted: Any) -> Wanted:
    return lambda line: line["kind"] == kind and wanted.items() <= line["fields"].items()


def entering(phase: str) -> Wanted:
    return of_kind("note", detail={"phase": phase})


SORTS: dict[str, Wanted] = {
    **{kind: of_kind(kind) for kind in KINDS},
    **{f"the phase {name}": entering(name) for name in ("setup", "load", "drain", "stop", "audit")},
    "the phase hold": entering("hold"),
    **{
        f"the samples of {subject}": of_kind("resource_sample", subject=subject)
        for subject in ("children", "parent", "postgres", "hiccup")
    },
    "the final read": of_kind("row_read", read="final"),
    "the ends of reads": lambda line: line["kind"] == "row_read" and "lines" in line["fields"],
    "all that the parent samples": lambda line: line["kind"] in SAMPLED,
    "all that shows that a parent was there": lambda line: line["kind"] in {*SAMPLED, "note"},
}
"""By its name: lines that go together."""
TOLD = frozenset({"the samples of postgres", "the samples of hiccup", "job_retried"})
"""Without them figures are gone, and the page says so: the server may be somebody else's, the meter
may have failed, and a library may tell nothing of its retries. All others void the run."""


def without(name: str, gone: Wanted) -> list[Line]:
    return mended([line for line in recorded()[name] if not gone(line)])


@pytest.mark.parametrize(
    ("history", "sort"),
    [
        (history, sort)
        for history, lines in RECORDED.items()
        for sort, wanted in SORTS.items()
        if any(map(wanted, lines))
    ],
)
def test_lines_that_go_missing_all_at_once_are_noticed_or_change_what_is_told(
    history: str, sort: str, tmp_path: Path
) -> None:
    told = summary(without(history, SORTS[sort]), tmp_path)

    if sort in TOLD:
        assert told is not None
        assert told["verdict"] != "invalid"
        assert told != summary(mended(recorded()[history]), tmp_path)
    else:
        assert told is None or told["verdict"] == "invalid"


@pytest.mark.parametrize("history", sorted(RECORDED))
def test_turns_of_the_sampler_that_go_missing_as_a_whole_leave_a_gap_that_is_told(
    history: str, tmp_path: Path
) -> None:
    last_ns = max(x["fields"]["t_ns"] for x in RECORDED[history] if x["kind"] == "clock_anchor")

    def in_a_turn(line: Line) -> bool:
        fields = line["fields"]
        return (
            line["kind"] in SAMPLED
            and fields.get("subject") != "hiccup"
            and fields["t_ns"] < last_ns
        )

    sentences = disagreements(load(written(without(history, in_a_turn), tmp_path)))
    lasted_ns = last_ns - min(x["fields"]["t_ns"] for x in RECORDED[history])

    assert any("took no sample" in one for one in sentences) is (lasted_ns > TURN_NS + PATIENCE_NS)


def sampled_at(*since_start_ns: int) -> Story:
    """A run of 20 s from its setup to its end; the last instant is that of the last anchor."""
    story = Story()
    begin_ns = story.first("run_start")["t_ns"]
    worker = story.worker()
    story.enqueue(A)
    worker.run(A)
    story.now_ns = begin_ns + 19 * TURN_NS
    story.exit(worker)
    story.end()
    story.first("run_end")["t_ns"] = begin_ns + 20 * TURN_NS
    end = story.records.pop()
    for place, since_ns in enumerate(since_start_ns, start=1):
        t_ns = begin_ns + since_ns
        anchor = {"t_ns": t_ns, "wall_ns": t_ns + ORIGIN_NS, "bracket_ns": 0}
        story.records.append(("clock_anchor", anchor))
        if place < len(since_start_ns):
            for subject in ("children", "parent"):
                places = {"capacity": 4} if subject == "children" else {}
                sample = {"t_ns": t_ns, "subject": subject, **places}
                story.records.append(("resource_sample", sample))
            counts = dict.fromkeys(("queued", "claimed", "retrying", "dead"), 0)
            story.records.append(("queue_snapshot", {"t_ns": t_ns, **counts}))
    story.records.append(end)
    return story


LONGEST_NS = TURN_NS + PATIENCE_NS


@pytest.mark.parametrize(
    ("instants", "told"),
    [
        ((6, 12, 18, 20), None),
        ((6, 12, 14), None),
        ((0, 6, 12, 18, 19), None),
        ((6.000000001, 12, 18, 20), "6.000"),
        ((1, 2, 8.5, 14, 20), "6.500"),
        ((6, 12, 13.999999999), "6.000"),
        ((6, 12), "8.000"),
        ((20,), "20.000"),
    ],
)
def test_the_parent_samples_from_the_setup_to_the_end_and_is_never_six_seconds_silent(
    instants: tuple[float, ...], told: str | None, tmp_path: Path
) -> None:
    assert LONGEST_NS == 6_000_000_000
    story = sampled_at(*(round(one * 1e9) for one in instants))
    found = [one for one in disagreements(load(story.write(tmp_path))) if "no sample" in one]

    assert found == (
        []
        if told is None
        else [f"For {told} s the parent took no sample, and it takes one a second."]
    )


def test_a_run_that_was_cut_is_not_asked_for_its_turns(tmp_path: Path) -> None:
    story = sampled_at(20)
    story.first("run_end")["ended"] = "interrupted"

    assert not any("no sample" in one for one in disagreements(load(story.write(tmp_path))))


@pytest.mark.parametrize(("harmed", "told"), [(False, 1), (True, 0)])
def test_only_a_server_that_a_fault_harms_may_keep_the_parent_waiting(
    harmed: bool, told: int
) -> None:
    end = SimpleNamespace(ended="completed", t_ns=LONGEST_NS + 1)
    waited = stand_in(ClockAnchorRecord(0, 0, 50), end=end, server_harmed=harmed)

    assert len([*_each_second(waited)]) == told


def test_of_a_run_without_an_anchor_that_alone_is_told() -> None:
    end = SimpleNamespace(ended="completed", t_ns=LONGEST_NS + 1)

    assert [*_each_second(stand_in(end=end, server_harmed=False))] == []


def test_a_written_history_without_anchors_or_phases_is_no_more_believed_than_a_recorded_one(
    tmp_path: Path,
) -> None:
    path = sampled_at(0, 5, 10, 15, 20).write(tmp_path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(x for x in lines if "clock_anchor" not in x and '"phase"' not in x))
    sentences = " ".join(disagreements(load(path)))

    assert "There is no clock_anchor line" in sentences
    assert "A completed run enters setup" in sentences
