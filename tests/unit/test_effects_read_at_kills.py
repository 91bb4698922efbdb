"""Effects that were read at kills: what is there stays, unless the server itself was harmed."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.checks import effects_at_kills as effects_at_kills_module
from analysis.checks.effects_at_kills import effects_at_kills
from analysis.history.columns import pack_one
from orchestrator.history.records import FaultEnded, FaultInjected, RowRead
from orchestrator.history.targets import ServerTarget, Target, WorkerTarget
from tests.unit.stand_in_history import stand_in

EFFECT = (0, 0, 1)
ANOTHER = (0, 1, 1)
GONE = "An effect of {} was read at a kill and is gone at a later kill's read."
EARLY = "An effect of {} was read at a kill, and its execution began after that."


def read(fault: int, t_ns: int, job_id: str = "j0", *effects: tuple[int, int, int]) -> RowRead:
    """A job's row and effects, as they were after a kill."""
    return RowRead(t_ns, "kill", job_id, fault=fault, state="claimed", effects=list(effects))


def harm(t_ns: int, target: Target) -> FaultInjected:
    return FaultInjected(t_ns, 9, "pause", target, False, "timed", False, t_ns, {})


def closed(fault: int, t_ns: int) -> FaultEnded:
    return FaultEnded(t_ns, fault, "kill", WorkerTarget(0, 0, 1), {})


def said(
    *reads: RowRead,
    lines: tuple[FaultInjected | FaultEnded, ...] = (),
    began_ns: tuple[tuple[tuple[int, int, int], int], ...] = (),
) -> list[str]:
    """What the check says of these reads; `began_ns` = when executions began."""
    starts = [(pack_one(*key), t_ns) for key, t_ns in began_ns]
    columns = (np.array([part[place] for part in starts], np.int64) for place in (0, 1))
    key, t_ns = columns
    history = stand_in(*lines, kill_reads=reads, starts=_Starts(key, t_ns))
    return list(effects_at_kills(history))


class _Starts:
    def __init__(self, key: np.ndarray, t_ns: np.ndarray) -> None:
        self.key, self.t_ns = key, t_ns


def test_an_effect_that_is_gone_at_a_later_kill_is_named() -> None:
    assert said(read(0, 100, "j0", EFFECT), read(1, 200)) == [GONE.format("j0")]


def test_an_effect_that_stays_or_comes_is_no_contradiction() -> None:
    assert said(read(0, 100, "j0", EFFECT), read(1, 200, "j0", ANOTHER, EFFECT)) == []


def test_which_kill_was_later_is_told_by_its_instant_and_not_by_its_number() -> None:
    assert said(read(0, 200, "j0", EFFECT), read(1, 100)) == []
    assert said(read(0, 200), read(1, 100, "j0", EFFECT)) == [GONE.format("j0")]


def test_an_effect_seen_at_the_first_kill_is_missed_at_the_third_though_the_second_had_it() -> None:
    reads = read(0, 100, "j0", EFFECT), read(1, 200, "j0", EFFECT), read(2, 300)
    assert said(*reads) == [GONE.format("j0")]


@pytest.mark.parametrize(
    ("harmed_ns", "gone"),
    [(99, ["j0"]), (100, []), (150, []), (199, []), (200, []), (201, [])],
)
def test_what_was_read_up_to_the_servers_last_harm_proves_nothing(
    harmed_ns: int, gone: list[str]
) -> None:
    """The reads are stamped 100 and 200, each a little before its snapshot was taken."""
    lines = (harm(harmed_ns, ServerTarget(7)),)
    found = said(read(0, 100, "j0", EFFECT), read(1, 200), lines=lines)
    assert found == [GONE.format(job) for job in gone]


def test_what_was_lost_after_the_servers_last_harm_has_no_excuse() -> None:
    lines = harm(50, ServerTarget(7)), harm(90, ServerTarget(7))
    found = said(read(0, 100, "j0", EFFECT), read(1, 200), lines=lines)
    assert found == [GONE.format("j0")]


def test_reads_before_the_servers_last_harm_do_not_hide_what_is_lost_after_it() -> None:
    reads = read(0, 100), read(1, 200, "j0", EFFECT), read(2, 300)
    assert said(*reads, lines=(harm(150, ServerTarget(7)),)) == [GONE.format("j0")]


def test_a_fault_that_hit_a_worker_excuses_no_lost_effect() -> None:
    lines = (harm(150, WorkerTarget(0, 0, 1)),)
    found = said(read(0, 100, "j0", EFFECT), read(1, 200), lines=lines)
    assert found == [GONE.format("j0")]


def test_a_read_at_the_very_beginning_of_the_clock_counts_as_any_other() -> None:
    assert said(read(0, 0, "j0", EFFECT), read(1, 1)) == [GONE.format("j0")]


def test_of_many_jobs_whose_effects_are_gone_three_are_named() -> None:
    jobs = ["j3", "j1", "j0", "j2"]
    before = [read(0, 100, job, EFFECT) for job in jobs]
    after = [read(1, 200, job) for job in jobs]
    assert said(*before, *after) == [GONE.format(job) for job in ("j0", "j1", "j2")]


def test_of_many_jobs_that_were_read_too_early_three_are_named() -> None:
    jobs = ["j3", "j1", "j0", "j2"]
    reads = [read(0, 100, job, (0, 0, n)) for n, job in enumerate(jobs, 1)]
    began = tuple(((0, 0, n), 500) for n in range(1, 5))
    found = said(*reads, lines=(closed(0, 300),), began_ns=began)
    assert found == [EARLY.format(job) for job in ("j0", "j1", "j2")]


@pytest.mark.parametrize(("began_ns", "early"), [(99, []), (300, []), (301, ["j0"])])
def test_what_began_after_the_certificate_was_closed_cannot_have_been_read(
    began_ns: int, early: list[str]
) -> None:
    """The read was taken at 100, and the certificate closed at 300."""
    found = said(
        read(0, 100, "j0", EFFECT), lines=(closed(0, 300),), began_ns=((EFFECT, began_ns),)
    )
    assert found == [EARLY.format(job) for job in early]


def test_one_effect_that_was_too_early_is_enough_among_several() -> None:
    found = said(
        read(0, 100, "j0", EFFECT, ANOTHER),
        lines=(closed(0, 300),),
        began_ns=((EFFECT, 50), (ANOTHER, 400)),
    )
    assert found == [EARLY.format("j0")]


def test_an_effect_of_an_execution_that_no_line_tells_of_is_not_too_early() -> None:
    assert said(read(0, 100, "j0", EFFECT), lines=(closed(0, 300),)) == []


def test_a_kill_whose_certificate_was_never_closed_sets_no_limit() -> None:
    assert said(read(0, 100, "j0", EFFECT), began_ns=((EFFECT, 1 << 62),)) == []


def test_each_kill_has_its_own_limit() -> None:
    lines = closed(0, 300), closed(1, 600)
    reads = read(0, 100), read(1, 500, "j0", EFFECT)
    assert said(*reads, lines=lines, began_ns=((EFFECT, 400),)) == []


@pytest.mark.parametrize("piece", [1, 2, 3, 1 << 20])
def test_each_execution_is_found_wherever_it_stands_among_all(
    piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten began at 1, 2, ... 10; the kills read the effects of every other one, and one closed its
    certificate at 6."""
    monkeypatch.setattr(effects_at_kills_module, "_PIECE", piece)
    began = tuple(((0, 0, n), n) for n in range(1, 11))
    reads = [read(0, 3, f"j{n}", (0, 0, n)) for n in (2, 4, 6, 8)]

    found = said(*reads, lines=(closed(0, 6),), began_ns=began)
    assert found == [EARLY.format("j8")]


def test_where_no_effect_was_read_no_execution_is_looked_for() -> None:
    assert said(read(0, 100), lines=(closed(0, 300),), began_ns=((EFFECT, 400),)) == []


def test_a_row_that_was_read_for_no_fault_is_held_against_none() -> None:
    """That it names none is told by another check."""
    unnamed = RowRead(100, "kill", "j0", state="claimed", effects=[EFFECT])
    assert said(unnamed, read(1, 200)) == []


def test_the_lines_that_close_a_read_are_no_rows_of_a_job() -> None:
    closing = RowRead(100, "kill", fault=0, lines=1)
    assert said(read(0, 100, "j0", EFFECT), closing) == []
