"""What proves that the history is whole: ordinals, clocks, executions, and a final read.

Whatever is missing voids the ledger; the jobs that it touches cannot be judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.checks.executions import misused_executions
from analysis.evidence.incarnations import Incarnations
from analysis.history.columns import (
    ABSENT,
    EXECUTION_BITS,
    Bools,
    Ints,
    unpack_worker,
    worker_key,
)
from analysis.history.history import History, read_fault
from worker_child.protocol import ChildReady, JobDiscarded, JobDying, JobRetried, Note

PIECE: Final = 1 << 16
"""So many lines are looked at at a time."""
Voids = dict[int, str]
"""By an incarnation's key: why its lines prove nothing (`ordinal_gap`, ...)."""


@dataclass(frozen=True, slots=True)
class Proofs:
    """What is wrong with the history itself."""

    voids: Voids
    final_read: str | None
    """Why the final read of the rows does not count; None = it does."""
    effects: str | None
    """Why the effects could not be read; None = they could."""
    sentences: list[str]
    """All of it, for people; empty = the history is whole."""


@dataclass(frozen=True, slots=True)
class _ChildLines:
    """Every line that a child wrote, in the order of (worker, n)."""

    workers: Ints
    """The keys of the incarnations that wrote some, ascending."""
    counts: Ints
    """How many lines each of them wrote."""
    first: Ints
    """Where the lines of each begin."""
    t_ns: Ints
    """The instants of all lines."""
    even: Bools
    """Whether the ordinals of each are 0 to its count - 1, each once."""


def examine(history: History, incarnations: Incarnations) -> Proofs:
    """Look for whatever voids the ledger."""
    voids: Voids = {}
    sentences: list[str] = []
    flaws: list[Flaw] = [
        *_in_child_lines(_child_lines(history), incarnations),
        *_noted(history),
        *_misused(history),
    ]
    for worker, reason, sentence in flaws:
        sentences.append(sentence)
        if worker is not None:
            voids.setdefault(worker, reason)
    final_read = read_fault(history.closings, len(history.rows))
    effects = history.closings[0].effects_error if len(history.closings) == 1 else None
    if final_read is not None:
        sentences.append(f"The final read of the queue's rows does not count: {final_read}.")
    if effects is not None:
        sentences.append(f"The effects could not be read: {effects}.")
    return Proofs(voids, final_read, effects, list(dict.fromkeys(sentences)))


def _in_child_lines(lines: _ChildLines, incarnations: Incarnations) -> list[Flaw]:
    """All that rests on them: they take as much memory as anything, and are let go of here."""
    return [
        *_ordinal_gaps(lines, incarnations),
        *_clock_faults(lines),
        *_outside_their_life(lines, incarnations),
    ]


Flaw = tuple[int | None, str, str]
"""(an incarnation's key or None, the reason's name, a sentence)"""


def _rare_child_records(
    history: History,
) -> Iterator[ChildReady | JobDying | JobRetried | JobDiscarded | Note]:
    yield from history.records.of(ChildReady)
    yield from history.records.of(JobDying)
    yield from history.records.of(JobRetried)
    yield from history.records.of(JobDiscarded)
    yield from history.records.of(Note)


Piece = tuple[Ints, Ints, Ints]
"""Of some lines of children: the incarnations' keys, the ordinals and the instants."""


def _pieces(history: History) -> Iterator[Piece]:
    """Every line that a child wrote, some at a time: of ten million lines a single column more
    takes eighty megabytes."""
    for table in (history.starts, history.completions, history.failures):
        for begin in range(0, len(table), PIECE):
            some = slice(begin, begin + PIECE)
            yield table.key[some] >> EXECUTION_BITS, table.n[some], table.t_ns[some]
    lines = history.enqueues
    for begin in range(0, len(lines), PIECE):
        some = slice(begin, begin + PIECE)
        worker = lines.worker[some]
        mine = worker != ABSENT
        if mine.any():
            yield worker[mine].astype(np.int64), lines.n[some][mine], lines.t_ns[some][mine]
    rare = [
        (worker_key(r.slot, r.incarnation), r.n, r.t_ns)
        for r in _rare_child_records(history)
        if r.n is not None and r.slot is not None and r.incarnation is not None
    ]
    if rare:
        worker, n, t_ns = np.array(rare, np.int64).T
        yield worker, n, t_ns


def _child_lines(history: History) -> _ChildLines:
    workers, counts = _counted(history)
    first = np.cumsum(counts) - counts
    t_ns = np.empty(counts.sum(), np.int64)
    filled = np.zeros(len(t_ns), np.bool_)
    # An ordinal is a place: where all are as they should be, nothing has to be sorted.
    for worker, n, at_ns in _pieces(history):
        place = np.searchsorted(workers, worker)
        fits = (n >= 0) & (n < counts[place])
        there = first[place[fits]] + n[fits]
        t_ns[there] = at_ns[fits]
        filled[there] = True
    even = np.logical_and.reduceat(filled, first) if len(first) else np.empty(0, np.bool_)
    lines = _ChildLines(workers, counts, first, t_ns, even)
    if not even.all():
        _sort_uneven(history, lines)
    return lines


def _counted(history: History) -> tuple[Ints, Ints]:
    """The keys of the incarnations that wrote some line, ascending, and how many each wrote."""
    found = [np.unique(worker) for worker, _, _ in _pieces(history)]
    workers = np.unique(np.concatenate([np.empty(0, np.int64), *found]))
    counts = np.zeros(len(workers), np.int64)
    for worker, _, _ in _pieces(history):
        counts += np.bincount(np.searchsorted(workers, worker), minlength=len(workers))
    return workers, counts


def _sort_uneven(history: History, lines: _ChildLines) -> None:
    """Put the instants of those in order whose ordinals are not what they should be."""
    found = []
    for worker, n, at_ns in _pieces(history):
        place = np.searchsorted(lines.workers, worker)
        mine = ~lines.even[place]
        found.append((place[mine], n[mine], at_ns[mine]))
    place, n, at_ns = np.concatenate(found, axis=1)
    lines.t_ns[np.repeat(~lines.even, lines.counts)] = at_ns[np.lexsort((n, place))]


def worker_name(worker: int) -> str:
    """An incarnation's key, for people."""
    slot, number = unpack_worker(worker)
    return f"slot {slot} incarnation {number}"


def _ordinal_gaps(lines: _ChildLines, incarnations: Incarnations) -> Iterator[Flaw]:
    received = dict(np.column_stack((lines.workers, lines.counts)).tolist())
    uneven = set(lines.workers[~lines.even].tolist())
    for worker in sorted({*received, *(member.key for member in incarnations)}):
        member = incarnations.by_key(worker)
        count = received.get(worker, 0)
        if member is None or member.exited is None:
            what = "has no child_exited line to prove that its events are complete"
        elif member.exited.events != count:
            what = f"sent {member.exited.events} events, the history has {count}"
        elif worker in uneven:
            what = f"should have the ordinals 0 to {count - 1}, each once"
        else:
            continue
        yield worker, "ordinal_gap", f"Ordinal gap: {worker_name(worker)} {what}."


def _clock_faults(lines: _ChildLines) -> Iterator[Flaw]:
    # Compared and not subtracted: of ten million lines the differences take sixty megabytes.
    back = np.flatnonzero(lines.t_ns[1:] < lines.t_ns[:-1]) + 1
    within = back[~np.isin(back, lines.first)]
    places = np.unique(np.searchsorted(lines.first, within, side="right") - 1)
    for worker in lines.workers[places].tolist():
        what = (
            f"Clock violation: the instants of {worker_name(worker)} go back as its ordinals go on."
        )
        yield worker, "clock_violation", what


def _outside_their_life(lines: _ChildLines, incarnations: Incarnations) -> Iterator[Flaw]:
    if not lines.workers.size:
        return
    earliest = np.minimum.reduceat(lines.t_ns, lines.first)
    latest = np.maximum.reduceat(lines.t_ns, lines.first)
    for worker, from_ns, to_ns in np.column_stack((lines.workers, earliest, latest)).tolist():
        member = incarnations.by_key(worker)
        if member is None:
            continue
        too_early = member.spawned_ns is not None and from_ns < member.spawned_ns
        too_late = member.gone_ns is not None and to_ns > member.gone_ns
        if too_early or too_late:
            when = "before it was spawned" if too_early else "after it was reaped"
            what = f"Clock violation: a line of {worker_name(worker)} is stamped {when}."
            yield worker, "clock_violation", what


MISUSED = {
    "execution_reused": "{name} used an execution's number twice, or for two jobs.",
    "started_missing": "{name} has a completion, a failure or an effect of an execution "
    "that it never started.",
}
"""By the reason that voids an incarnation: the sentence."""


def _misused(history: History) -> Iterator[Flaw]:
    for reason, workers in misused_executions(history):
        for worker in workers:
            name = worker_name(worker).capitalize()
            yield worker, reason, MISUSED[reason].format(name=name)


NOTED = {
    "bad_line": "Bad line: {name} wrote something that is no event.",
    "clock_violation": "Clock violation: an event of {name} is later than its receipt.",
}
"""Notes of the parent that void what an incarnation says."""


def _noted(history: History) -> Iterator[Flaw]:
    for note in history.records.of(Note):
        if note.code not in NOTED or note.n is not None:
            continue
        slot = note.detail.get("slot", note.slot)
        number = note.detail.get("incarnation", note.incarnation)
        if isinstance(slot, int) and isinstance(number, int):
            worker = worker_key(slot, number)
            yield worker, note.code, NOTED[note.code].format(name=worker_name(worker))
        else:
            yield None, note.code, NOTED[note.code].format(name="an unnamed child")
