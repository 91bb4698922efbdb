"""Questions to a cache, as the notes of a history tell of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from orchestrator.history.notes import CacheAnswered
from worker_child.protocol import Note


@dataclass(frozen=True, slots=True)
class Question:
    """One question and what came of it."""

    told: CacheAnswered
    answered_ns: int
    """When the caller had every byte, or gave up, CLOCK_MONOTONIC."""

    @property
    def served(self) -> bool:
        """Whether the caller was served anything."""
        return self.told.sha256 is not None

    @property
    def wrong(self) -> bool:
        """Whether it was served other bytes than the address's own."""
        return self.served and self.told.sha256 != self.told.expected_sha256


def questions_of(notes: Iterable[Note]) -> list[Question]:
    """Those that some of `notes` tell of, in their order.

    Raises msgspec.ValidationError where the detail of such a note is not what it has to be.
    """
    return [
        Question(msgspec.convert(note.detail, CacheAnswered), note.t_ns)
        for note in notes
        if note.code == "cache_answered"
    ]
