"""What proves that the history is whole: ordinals, clocks, executions, and a final read.

Whatever is missing voids the ledger; the jobs that it touches cannot be judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.checks.executions import misused_executions
from analysis.evidence.incarnations import Incarnations
from analysis.history.columns import ABSENT, EXECUTION_BITS, Ints, unpack_worker, worker_key
from analysis.history.history import History, read_fault
from worker_child.protocol import ChildReady, JobDiscarded, JobRetried, Note

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
    """Every line that a child wrote, sorted by (worker, n)."""

    worker: Ints
    n: Ints
    t_ns: Ints
    ordinal: Ints
    """What n should be: the line's place among its incarnation's lines."""
    first: Ints
    """Where each incarnation's lines begin."""


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
) -> Iterator[ChildReady | JobRetried | JobDiscarded | Note]:
    yield from history.records.of(ChildReady)
    yield from history.records.of(JobRetried)
    yield from history.records.of(JobDiscarded)
    yield from history.records.of(Note)


def _child_lines(history: History) -> _ChildLines:
    mine = history.enqueues.worker != ABSENT
    tables = (history.starts, history.completions, history.failures)
    rare = [
        (worker_key(r.slot, r.incarnation), r.n, r.t_ns)
        for r in _rare_child_records(history)
        if r.n is not None and r.slot is not None and r.incarnation is not None
    ]
    others = np.array(rare, np.int64).reshape(-1, 3)
    # One column at a time: of ten million lines each takes eighty megabytes.
    worker = np.concatenate(
        [*(t.key >> EXECUTION_BITS for t in tables), history.enqueues.worker[mine], others[:, 0]],
        dtype=np.int32,
        casting="same_kind",
    )
    # No line has so high a place that a greater n could be right.
    bounds = np.iinfo(np.int32)
    rare_n = np.clip(others[:, 1], bounds.min, bounds.max).astype(np.int32)
    n = np.concatenate([*(t.n for t in tables), history.enqueues.n[mine], rare_n])
    order = np.lexsort((n, worker)).astype(np.int32)
    worker = worker[order]
    n = n[order]
    t_ns = np.concatenate([*(t.t_ns for t in tables), history.enqueues.t_ns[mine], others[:, 2]])
    t_ns = t_ns[order]
    del order
    # No number stands before the first line: a damaged one may bear any, `ABSENT` as well.
    first = np.flatnonzero(np.diff(worker, prepend=worker[:1] - 1))
    ordinal = np.arange(len(worker), dtype=np.int32)
    ordinal -= np.repeat(first.astype(np.int32), np.diff(first, append=len(worker)))
    return _ChildLines(worker, n, t_ns, ordinal, first)


def worker_name(worker: int) -> str:
    """An incarnation's key, for people."""
    slot, number = unpack_worker(worker)
    return f"slot {slot} incarnation {number}"


def _ordinal_gaps(lines: _ChildLines, incarnations: Incarnations) -> Iterator[Flaw]:
    workers = lines.worker[lines.first]
    counts = np.diff(lines.first, append=len(lines.worker))
    received = dict(zip(workers.tolist(), counts.tolist(), strict=True))
    uneven = set(lines.worker[lines.n != lines.ordinal].tolist())
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
    back = (lines.t_ns[1:] < lines.t_ns[:-1]) & (lines.worker[1:] == lines.worker[:-1])
    for worker in sorted(set(lines.worker[1:][back].tolist())):
        what = (
            f"Clock violation: the instants of {worker_name(worker)} go back as its ordinals go on."
        )
        yield worker, "clock_violation", what


def _outside_their_life(lines: _ChildLines, incarnations: Incarnations) -> Iterator[Flaw]:
    workers, first = lines.worker[lines.first], lines.first
    if not workers.size:
        return
    earliest = np.minimum.reduceat(lines.t_ns, first).tolist()
    latest = np.maximum.reduceat(lines.t_ns, first).tolist()
    for worker, from_ns, to_ns in zip(workers.tolist(), earliest, latest, strict=True):
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
