"""A bystander's transactions, as the notes of a history tell of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from orchestrator.history.notes import BystanderAnswered
from worker_child.protocol import Note

BYSTANDER = "bystander"
"""The code of the note that tells of one transaction."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction. Instants are CLOCK_MONOTONIC nanoseconds."""

    begun_ns: int
    over_ns: int
    """When it was committed, or had failed."""
    error: str
    """Which error it failed with; empty = it was committed."""


def transactions_of(notes: Iterable[Note]) -> list[Transaction]:
    """Those that some of `notes` tell of, in their order. A worker's notes are none of a bystander.

    Raises msgspec.ValidationError where the detail of such a note is not what it has to be.
    """
    mine = [note for note in notes if note.code == BYSTANDER and note.n is None]
    told = [(msgspec.convert(note.detail, BystanderAnswered), note.t_ns) for note in mine]
    return [Transaction(one.sent_ns, over_ns, one.error) for one, over_ns in told]
