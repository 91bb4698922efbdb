"""The samples of a run, one second's after the other's, where one thing more or less turns them."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pytest

from analysis.checks.samples import CHECKS, VALUES
from analysis.history.columns import ABSENT
from orchestrator.history.records import (
    ClockAnchorRecord,
    FaultEnded,
    FaultInjected,
    QueueSnapshot,
    ResourceSample,
)
from orchestrator.history.targets import ServerTarget, Target, WorkerTarget
from tests.unit.stand_in_history import stand_in
from worker_child.protocol import Note

S = 1_000_000_000
SLOTS, CONCURRENCY = 3, 4
Subject = Literal["children", "parent", "postgres", "hiccup"]
SUBJECTS: tuple[Subject, ...] = ("children", "parent", "postgres")
OUT_OF_ORDER = "The samples of one second were not taken in their order."


def anchor(t_ns: int, behind_ns: int = 0) -> ClockAnchorRecord:
    """The wall's clock is `behind_ns` ahead of a fixed distance."""
    return ClockAnchorRecord(t_ns, 1_700_000_000 * S + t_ns + behind_ns, 1)


def sample(t_ns: int, subject: Subject, **changed: Any) -> ResourceSample:
    known: dict[str, dict[str, int]] = {
        "children": {"rss_bytes": 8192, "open_executions": 0, "capacity": SLOTS * CONCURRENCY},
        "parent": {"rss_bytes": 4096},
        "postgres": {"rss_bytes": 4096, "processes": 9, "calls": 0},
        "hiccup": {"ticks": 1000, "ticks_over_50_ms": 0, "max_us": 900},
    }
    return ResourceSample(t_ns, subject, **(known[subject] | changed))


def snapshot(t_ns: int, *counts: int, table_bytes: int | None = 8192) -> QueueSnapshot:
    queued, claimed, retrying, dead = counts or (0, 0, 0, 0)
    return QueueSnapshot(t_ns, queued, claimed, retrying, dead, table_bytes=table_bytes)


def turn(t_ns: int) -> list[Any]:
    """What the parent writes in one second, a nanosecond each."""
    of_all = [sample(t_ns + place, subject) for place, subject in enumerate(SUBJECTS, 1)]
    return [anchor(t_ns), *of_all, snapshot(t_ns + 4)]


def turns(count: int) -> list[Any]:
    """So many turns, at 1000, 2000, ..., and the anchor at the end."""
    each = [line for number in range(1, count + 1) for line in turn(1000 * number)]
    return [*each, anchor(1000 * (count + 1))]


def said(
    *lines: Any,
    ended: str = "completed",
    sent_ns: Sequence[int] = (),
    harmed: bool = False,
    end_ns: int = 5000,
) -> list[str]:
    """What the checks say of a run with these lines; `sent_ns` = when its jobs were sent."""
    workers = SimpleNamespace(slots=SLOTS, concurrency=CONCURRENCY)
    history = stand_in(
        *lines,
        end=SimpleNamespace(ended=ended, t_ns=end_ns),
        start=SimpleNamespace(scenario=SimpleNamespace(workers=workers)),
        enqueues=SimpleNamespace(sent_ns=np.array(sent_ns, np.int64)),
        server_harmed=harmed,
    )
    return [sentence for check in CHECKS for sentence in check(history)]


def without(lines: Sequence[Any], *places: int) -> list[Any]:
    return [line for place, line in enumerate(lines) if place not in places]


def of_kind(lines: Sequence[Any], subject: Subject | None) -> list[int]:
    """The places of the samples of a subject; None = of the snapshots."""
    return [
        place
        for place, line in enumerate(lines)
        if (isinstance(line, QueueSnapshot) and subject is None)
        or (isinstance(line, ResourceSample) and line.subject == subject)
    ]


# Turns


@pytest.mark.parametrize("count", [0, 1, 3])
def test_turn_by_turn_nothing_is_said(count: int) -> None:
    assert said(*turns(count)) == []


def test_a_server_that_is_not_ours_has_no_samples() -> None:
    lines = turns(2)
    assert said(*without(lines, *of_kind(lines, "postgres"))) == []


@pytest.mark.parametrize("subject", SUBJECTS)
def test_each_turn_has_a_sample_of_each_subject(subject: Subject) -> None:
    lines = turns(2)
    first, _ = of_kind(lines, subject)
    told = "There are {} samples of {} to 2 turns of the sampler."

    assert said(*without(lines, first)) == [told.format(1, subject)]
    assert said(*lines, sample(2500, subject)) == [told.format(3, subject)]


@pytest.mark.parametrize("subject", ["children", "parent"])
def test_the_workers_and_the_parent_are_always_sampled(subject: Subject) -> None:
    lines = turns(2)
    found = said(*without(lines, *of_kind(lines, subject)))
    assert found == [f"There are 0 samples of {subject} to 2 turns of the sampler."]


SILENT = "For {} s the parent took no sample, and it takes one a second."


@pytest.mark.parametrize(
    ("silent_ns", "told"),
    [(6 * S, None), (6 * S + 1, "6.000"), (2_000_000 * S, "2000000.000")],
)
@pytest.mark.parametrize("where", ["before the first turn", "between two", "after the last"])
def test_the_parent_samples_each_second_from_the_setup_to_the_end_and_may_be_5_s_late(
    where: str, silent_ns: int, told: str | None
) -> None:
    begun_ns = 7 * S
    lines = [*turn(begun_ns), anchor(begun_ns + 1000)]
    end_ns = begun_ns + 2000
    if where == "before the first turn":
        begun_ns -= silent_ns
    elif where == "between two":
        lines[-1] = anchor(begun_ns + silent_ns)
        end_ns += silent_ns
    else:
        end_ns = begun_ns + 1000 + silent_ns
    setup = Note(begun_ns, "phase", detail={"phase": "setup"})
    another = Note(0, "phase", detail={"phase": "load"})
    silent = [] if told is None else [SILENT.format(told)]

    assert said(setup, another, *lines, end_ns=end_ns) == silent
    assert said(setup, *lines, end_ns=end_ns, harmed=True) == []
    assert said(setup, *lines, end_ns=end_ns, ended="interrupted") == []


@pytest.mark.parametrize(("late_us", "told"), [(2_000_000, False), (1_999_999, True)])
def test_a_machine_that_stood_still_by_the_meters_word_keeps_the_parent_waiting(
    late_us: int, told: bool
) -> None:
    reports = [
        sample(t_ns, "hiccup", ticks_over_50_ms=1, max_us=late)
        for t_ns, late in ((5, late_us), (6, 60_000))
    ]
    silence = SILENT.format("8.000")
    assert (silence in said(*turn(0), *reports, anchor(8 * S), end_ns=8 * S)) is told


def test_of_several_silences_the_longest_is_told() -> None:
    assert said(*turn(0), anchor(8 * S), end_ns=15 * S) == [SILENT.format("8.000")]


@pytest.mark.parametrize("ended", ["completed", "interrupted"])
def test_the_parent_writes_an_anchor_before_it_ends(ended: str) -> None:
    lacking = "There is no clock_anchor line, and the parent writes one before it ends."
    assert said(snapshot(1, 5, 0, 0, 0), ended=ended, sent_ns=[900]) == [lacking]


def test_a_run_that_was_cut_may_lack_the_samples_of_a_turn() -> None:
    assert said(*turn(1000)[:2], ended="interrupted") == []


@pytest.mark.parametrize("moved", range(1, 11))
def test_each_line_of_a_turn_comes_after_the_one_before(moved: int) -> None:
    """At the same instant it may; a nanosecond before it, it may not."""

    def with_moved(earlier_ns: int) -> list[str]:
        lines = turns(2)
        lines[moved] = type(lines[moved])(
            **{
                name: getattr(lines[moved], name)
                for name in lines[moved].__struct_fields__
                if name != "t_ns"
            },
            t_ns=lines[moved - 1].t_ns - earlier_ns,
        )
        return said(*lines)

    assert with_moved(0) == []
    assert with_moved(1) == [OUT_OF_ORDER]


@pytest.mark.parametrize("lacking", ["children", None])
def test_the_order_is_seen_also_where_the_samples_of_one_sort_are_lacking(
    lacking: Subject | None,
) -> None:
    lines = turns(2)
    lines[2] = sample(999, "parent")
    assert OUT_OF_ORDER in said(*without(lines, of_kind(lines, lacking)[0]))


@pytest.mark.parametrize(
    ("dropped", "notes", "told"),
    [
        (1, 0, [2]),
        (1, 1, []),
        (2, 1, [1]),
        (2, 2, []),
        (3, 3, []),
        (-1, 0, [4]),
        (-1, 1, [4]),
    ],
)
def test_a_turn_lacks_its_snapshot_only_where_the_queue_could_not_be_read(
    dropped: int, notes: int, told: list[int]
) -> None:
    """Of three turns; `dropped` = -1: there is one snapshot more."""
    lines = turns(3)
    kept = without(lines, *of_kind(lines, None)[: max(dropped, 0)])
    more = [snapshot(3500)] * (dropped < 0)
    found = said(*kept, *more, *[Note(1, "queue_unreadable")] * notes)
    assert found == [f"There are {n} queue_snapshot lines to 3 turns of the sampler." for n in told]


def test_another_note_excuses_no_snapshot_that_is_lacking() -> None:
    lines = turns(2)
    found = said(*without(lines, of_kind(lines, None)[0]), Note(1, "another"))
    assert found == ["There are 1 queue_snapshot lines to 2 turns of the sampler."]


def blind(from_ns: int, to_ns: int) -> list[Any]:
    """A stretch in which the server was away, and the fault that took it."""
    return [
        Note(to_ns, "blind", detail={"from_ns": from_ns, "to_ns": to_ns}),
        harm(0, from_ns),
        closed(0, to_ns),
    ]


def harm(fault: int, t_ns: int, target: Target | None = None) -> FaultInjected:
    server = ServerTarget(7) if target is None else target
    return FaultInjected(t_ns, fault, "pause", server, False, "timed", False, t_ns, {})


def closed(fault: int, t_ns: int) -> FaultEnded:
    return FaultEnded(t_ns, fault, "pause", ServerTarget(7), {})


@pytest.mark.parametrize(
    ("from_ns", "to_ns", "covered"),
    [
        (2000, 2000, 1),
        (2001, 2500, 0),
        (1500, 1999, 0),
        (1500, 2000, 1),
        (2000, 2500, 1),
        (3000, 3000, 1),
        (3500, 4000, 0),
    ],
)
def test_a_turn_that_begins_while_the_server_is_away_may_lack_its_snapshot(
    from_ns: int, to_ns: int, covered: int
) -> None:
    """Of three turns, at 1000 to 3000, one lacks it; the last anchor, at 4000, begins none."""
    lines = turns(3)
    found = said(*without(lines, of_kind(lines, None)[1]), *blind(from_ns, to_ns))
    lacking = ["There are 2 queue_snapshot lines to 3 turns of the sampler."]
    assert found == lacking * (1 - covered)


def test_two_stretches_excuse_the_snapshots_of_two_turns() -> None:
    lines = turns(3)
    kept = without(lines, *of_kind(lines, None)[:2])

    assert said(*kept, *blind(900, 1100), *blind(1900, 2100)) == []
    assert said(*kept, *blind(900, 2100)) == [], "one stretch, two turns"
    assert len(said(*kept, *blind(900, 1100))) == 1


@pytest.mark.parametrize(
    ("from_ns", "to_ns", "seen"),
    [(100, 499, False), (100, 500, True), (600, 700, True), (700, 900, True), (701, 900, False)],
)
def test_the_queue_is_out_of_sight_only_while_a_fault_has_taken_the_server_away(
    from_ns: int, to_ns: int, seen: bool
) -> None:
    """It was away from 500 to 700."""
    note = Note(to_ns, "blind", detail={"from_ns": from_ns, "to_ns": to_ns})
    found = said(*turns(0), note, harm(3, 500), closed(3, 700))
    told = "The queue was not looked at for a while, and no fault had taken the server away."
    assert found == [told] * (not seen)


def test_a_fault_of_workers_takes_no_server_away_and_one_that_never_ended_only_for_a_moment() -> (
    None
):
    note = Note(900, "blind", detail={"from_ns": 500, "to_ns": 900})

    assert len(said(*turns(0), note, harm(3, 600, WorkerTarget(0, 0, 1)), closed(3, 700))) == 1
    assert said(*turns(0), note, harm(3, 500)) == []
    assert len(said(*turns(0), note, harm(3, 499))) == 1


# What one has all others have


def three(subject: Subject, name: str, lacking: int, **more: Any) -> list[Any]:
    """Three samples in a run that was cut, of which so many lack a value."""
    value = 12 if name == "capacity" else 0
    lacks = [{name: None if place < lacking else value, **more} for place in range(3)]
    return [sample(1000 + place, subject, **each) for place, each in enumerate(lacks)]


@pytest.mark.parametrize(("lacking", "told"), [(0, False), (1, True), (2, True), (3, False)])
@pytest.mark.parametrize("name", ["rss_bytes", "processes", "open_executions", "calls"])
def test_what_one_sample_of_a_subject_has_all_others_have(
    name: str, lacking: int, told: bool
) -> None:
    found = said(anchor(1), *three("postgres", name, lacking), ended="interrupted")
    assert found == [f"Some samples of postgres lack the {name} that others have."] * told


@pytest.mark.parametrize("name", ["ticks", "ticks_over_50_ms", "max_us"])
def test_a_report_of_the_hiccup_meter_that_lacks_a_part_is_told_and_breaks_nothing(
    name: str,
) -> None:
    reports = [sample(S, "hiccup"), sample(2 * S, "hiccup", **{name: None})]
    found = said(anchor(1), *reports, ended="interrupted")
    assert found == [f"Some samples of hiccup lack the {name} that others have."]


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("calls", "queue_unreadable", False),
        ("calls", "blind", False),
        ("calls", "another", True),
        ("processes", "queue_unreadable", True),
        ("processes", "blind", True),
    ],
)
def test_only_calls_may_fail_where_a_note_says_so(name: str, code: str, told: bool) -> None:
    found = said(anchor(1), *three("postgres", name, 1), Note(1, code), ended="interrupted")
    assert found == [f"Some samples of postgres lack the {name} that others have."] * told


@pytest.mark.parametrize(("lacking", "told"), [(0, False), (1, True), (3, False)])
def test_all_snapshots_know_the_tables_size_or_none_does(lacking: int, told: bool) -> None:
    sizes = [None if place < lacking else 8192 for place in range(3)]
    seen = [snapshot(5, table_bytes=size) for size in sizes]
    found = said(anchor(1), *seen, ended="interrupted")
    assert found == ["Some queue_snapshot lines lack the table_bytes that others have."] * told


@pytest.mark.parametrize("capacity", [11, 12, 13])
def test_the_places_are_the_scenarios_slots_times_its_concurrency(capacity: int) -> None:
    lines = [sample(at, "children", capacity=capacity) for at in (1, 2)]
    told = [f"A sample speaks of {capacity} places; the scenario has 12."] * (capacity != 12)
    assert said(anchor(1), *lines, ended="interrupted") == told


# The hiccup meter


def reports(*each: tuple[int, int], late_us: int = 900) -> list[str]:
    """What is said of reports at these instants, of so many ticks; `late_us` = each was so late."""
    late = {"max_us": late_us, "ticks_over_50_ms": int(late_us > 50_000)}
    lines = [sample(at_ns, "hiccup", ticks=ticks, **late) for at_ns, ticks in each]
    return said(anchor(1), *lines, ended="interrupted")


@pytest.mark.parametrize(
    ("over", "late_us", "together"),
    [
        (0, 50_000, True),
        (0, 50_001, False),
        (1, 50_000, False),
        (1, 50_001, True),
        (-1, 50_000, False),
        (1000, 50_001, True),
        (1001, 50_001, False),
    ],
)
def test_ticks_are_late_where_one_was_later_than_50_ms_and_no_more_than_there_are(
    over: int, late_us: int, together: bool
) -> None:
    line = sample(S, "hiccup", ticks=1000, ticks_over_50_ms=over, max_us=late_us)
    told = f"The hiccup meter was {late_us} us late, {over} times in 1000 ticks."
    found = said(anchor(1), line, ended="interrupted")
    assert [one for one in found if "counts less" not in one] == [told] * (not together)


@pytest.mark.parametrize(
    ("late_us", "apart_ns", "told"),
    [
        (0, S - 1, "1.000"),
        (0, S, None),
        (0, S + 5_000_999, None),
        (0, S + 5_001_000, "1.005"),
        (900, S + 5_900_999, None),
        (900, S + 5_901_000, "1.006"),
        (0, 2_000_000 * S, "2000000.000"),
    ],
)
def test_a_report_comes_a_second_after_the_one_before_at_the_first_wake_up_from_a_nap(
    late_us: int, apart_ns: int, told: str | None
) -> None:
    """A nap takes 5 ms, and what it was late, to the microsecond."""
    found = reports((7 * S, 1000), (7 * S + apart_ns, apart_ns // 1_000_000), late_us=late_us)
    sentence = f"Two reports of the hiccup meter are {told} s apart, {late_us} us late."
    assert found == ([] if told is None else [sentence])


NOT_MADE_UP = "The ticks of the hiccup meter do not make up the time between its reports."


@pytest.mark.parametrize(
    ("more_ns", "ticks", "made_up"),
    [
        (0, 1000, True),
        (999_999, 1000, True),
        (1_000_000, 1000, False),
        (1, 1001, True),
        (0, 1001, False),
    ],
)
def test_the_ticks_make_up_the_time_between_two_reports_to_less_than_one(
    more_ns: int, ticks: int, made_up: bool
) -> None:
    found = reports((7 * S, 3), (8 * S + more_ns, ticks))
    assert found == [NOT_MADE_UP] * (not made_up)


@pytest.mark.parametrize(
    ("drift_ns", "made_up"), [((0, 500_000, 999_999), True), ((0, 500_000, 1_000_000), False)]
)
def test_what_the_ticks_leave_over_does_not_grow_from_report_to_report(
    drift_ns: tuple[int, ...], made_up: bool
) -> None:
    """Each of the three is 0.5 ms or less beyond the ticks of its own second."""
    found = reports(*((place * S + more, 1000) for place, more in enumerate(drift_ns, 7)))
    assert found == [NOT_MADE_UP] * (not made_up)


@pytest.mark.parametrize(("more_ns", "made_up"), [(999_999, True), (1_000_000, False)])
def test_ticks_too_many_and_ticks_too_few_after_them_are_less_than_one_apart(
    more_ns: int, made_up: bool
) -> None:
    """The second report is half a tick early; by so much the third is later than that."""
    early, late = (8 * S + 500_000, 1001), (9 * S + 500_000 + more_ns, 1000)
    assert reports((7 * S, 1000), early, late) == [NOT_MADE_UP] * (not made_up)


# What is counted


@pytest.mark.parametrize(
    ("calls", "harmed", "told"),
    [
        ((5, 5, 6), False, False),
        ((5, 6, 5), False, True),
        ((5, 4, 6), False, True),
        ((5, 4, 3), True, False),
        ((None, None, None), False, False),
    ],
)
def test_statements_are_counted_upwards_as_long_as_nobody_harms_the_server(
    calls: tuple[int | None, ...], harmed: bool, told: bool
) -> None:
    lines = [sample(at, "postgres", calls=n) for at, n in enumerate(calls)]
    found = said(anchor(1), *lines, ended="interrupted", harmed=harmed)
    assert found == ["A later sample of the server counts fewer calls than an earlier one."] * told


def test_a_sample_whose_calls_could_not_be_read_hides_none_that_went_down() -> None:
    lines = [sample(at, "postgres", calls=n) for at, n in enumerate((5, None, 4))]
    (sentence,) = said(anchor(1), *lines, Note(1, "queue_unreadable"), ended="interrupted")
    assert "counts fewer calls" in sentence


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("count", [-1, 0, 1])
def test_no_state_has_fewer_rows_than_none(place: int, count: int) -> None:
    counts = tuple(count if state == place else 0 for state in range(4))
    told = f"A queue_snapshot cannot have counted {counts} rows by state."
    found = said(anchor(1), *[snapshot(5, *counts)] * 2, ended="interrupted")
    assert found == [told] * (count < 0)


@pytest.mark.parametrize(
    ("sent_ns", "told"),
    [
        ([], False),
        ([ABSENT], False),
        ([2999], False),
        ([3000], True),
        ([3001], True),
        ([2999, 3001], False),
        ([ABSENT, 3000], True),
    ],
)
def test_nothing_is_in_the_queue_before_the_first_job_is_sent(
    sent_ns: list[int], told: bool
) -> None:
    """The snapshot of the turn at 2000 was counted before the next one began at 3000."""
    lines = turns(2)
    lines[of_kind(lines, None)[1]] = snapshot(2004, 0, 0, 1, 0)
    found = said(*lines, sent_ns=sent_ns)
    assert found == ["A queue_snapshot cannot have counted (0, 0, 1, 0) rows by state."] * told


@pytest.mark.parametrize(("t_ns", "told"), [(2999, True), (3000, False), (3001, False)])
def test_when_the_last_snapshot_was_counted_no_anchor_says(t_ns: int, told: bool) -> None:
    """The last anchor stands at 3000; the first job was sent later still."""
    anchors = [anchor(at) for at in (1000, 2000, 3000)]
    seen = snapshot(t_ns, 1, 0, 0, 0)
    found = said(*anchors, seen, ended="interrupted", sent_ns=[9000])
    assert found == ["A queue_snapshot cannot have counted (1, 0, 0, 0) rows by state."] * told


def test_a_snapshot_that_counts_nothing_may_be_taken_before_the_first_job_is_sent() -> None:
    assert said(*turns(2), sent_ns=[9000]) == []


@pytest.mark.parametrize("count", [-1, 0])
@pytest.mark.parametrize("name", VALUES)
def test_a_sample_counts_no_less_than_nothing(name: str, count: int) -> None:
    lines = [sample(at, "postgres", **{name: count}) for at in (1, 2)]
    found = said(anchor(1), *lines, ended="interrupted")
    told = ["A sample of postgres counts less than nothing."] * (count < 0)
    assert [one for one in found if "counts less" in one] == told


@pytest.mark.parametrize(("size", "whole"), [(1023, False), (1024, True), (1025, False)])
@pytest.mark.parametrize("of", ["memory", "table"])
def test_memory_is_counted_in_pages_and_tables_in_blocks(of: str, size: int, whole: bool) -> None:
    line = sample(1, "parent", rss_bytes=size) if of == "memory" else snapshot(1, table_bytes=size)
    told = f"A sample speaks of {size} bytes, which are no whole pages or blocks."
    assert said(anchor(1), line, ended="interrupted") == [told] * (not whole)


def test_of_several_odd_sizes_the_first_is_named() -> None:
    lines = [sample(1, "parent", rss_bytes=size) for size in (4096, 4097, 4098, 4099)]
    (sentence,) = said(anchor(1), *lines, ended="interrupted")
    assert "speaks of 4097 bytes" in sentence


# Clocks


@pytest.mark.parametrize(
    ("behind_ns", "told"),
    [
        (2_000_000, None),
        (-2_000_000, None),
        (2_000_001, "2.000"),
        (-2_000_001, "2.000"),
        (5_000_000 * S, "5000000000.000"),
    ],
)
def test_two_clocks_that_part_by_more_than_2_ms_are_told_unless_a_note_stands_at_the_anchor(
    behind_ns: int, told: str | None
) -> None:
    anchors = [anchor(1000), anchor(2000), anchor(3000, behind_ns), anchor(4000, 9 * behind_ns)]
    sentence = f"Two clock_anchor lines disagree by {told} ms, and no note says why."
    noted = [Note(at, "wall_clock_step") for at in (3000, 4000)]

    assert said(*anchors[:3], ended="interrupted") == ([] if told is None else [sentence])
    assert said(*anchors, *noted, ended="interrupted") == []
    if told is not None:
        assert said(*anchors, noted[1], ended="interrupted") == [sentence]
        assert said(*anchors, Note(3000, "another"), ended="interrupted") == [sentence]


def test_after_a_step_that_was_noted_the_clocks_are_held_against_their_new_distance() -> None:
    step = Note(2000, "wall_clock_step")
    stepped = [anchor(1000), anchor(2000, 8 * S), anchor(3000, 8 * S)]

    assert said(*stepped, step, ended="interrupted") == []
    (sentence,) = said(*stepped, anchor(4000), step, ended="interrupted")
    assert "disagree by 8000.000 ms" in sentence


def test_a_slow_drift_is_held_against_the_first_anchor() -> None:
    (sentence,) = said(
        *(anchor(1000 * at, 1_500_000 * at) for at in range(1, 6)), ended="interrupted"
    )
    assert "disagree by 3.000 ms" in sentence
