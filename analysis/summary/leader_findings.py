"""Who led the workers, where a queue has one of them rescue for all, in a sentence."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.ledger.case import Case
from analysis.section import seconds
from worker_child.protocol import Note

LEADING = "leading"
"""The code of the note by which a worker says that it leads from now on."""


def leader_findings(case: Case) -> Iterator[str]:
    """Who led from when on, by the workers' own words, and how long nobody can have."""
    told = [note for note in case.history.records.of(Note) if note.code == LEADING]
    told = sorted((note for note in told if note.n is not None), key=lambda note: note.t_ns)
    if not told:
        return
    begun_ns = case.history.start.t_ns if case.started_ns is None else case.started_ns
    said = []
    for before, note in zip([None, *told], told, strict=False):
        who = f"slot {note.slot} incarnation {note.incarnation}"
        at = f"from T{seconds(note.t_ns - begun_ns):+.1f} s"
        last = None if before is None else case.incarnations.get(*_place(before))
        if last is not None and last.dead and last.died_ns < note.t_ns:
            at += f", {seconds(note.t_ns - last.died_ns):.1f} s after the last leader's death"
        said.append(f"{who} {at}")
    yield f"The workers were led by {'; by '.join(said)}."


def _place(note: Note) -> tuple[int, int]:
    assert note.slot is not None, "a worker's note names it"
    assert note.incarnation is not None, "a worker's note names it"
    return note.slot, note.incarnation
