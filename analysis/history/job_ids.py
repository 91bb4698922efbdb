"""Numbers for job ids: columns hold numbers, people read names.

Nearly all jobs of a run are of its stream, and the stream's ids are numbers already: those are read
off the text, a whole block at a time. All other ids go through a dictionary, and so do those of a
stream's jobs beyond the ten millionth: what is numbered here has a place in columns of that length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.history.columns import Bools, Interner, Ints
from worker_child.names import stream_job_id

SHORTEST: Final = len(stream_job_id(0))
"""A letter and six digits."""
LENGTHS: Final = (SHORTEST, SHORTEST + 1)
"""How long the ids are that are read in bulk: those of a stream's first ten million jobs."""
STREAM_ID: Final = re.compile(r"j[0-9]{6,}")
"""Of any job of the stream, beyond the millionth too."""
_BETWEEN: Final = "\n"


class _Form:
    """What all ids of one length are like that are read in bulk, letter by letter.

    `lowest` and `highest` hold the least and the greatest letter of each place, with `_BETWEEN`
    behind them.
    """

    def __init__(self, lowest: str, highest: str) -> None:
        self._lowest, highest_letters = _letters(lowest + highest, len(lowest))
        self._span = highest_letters - self._lowest
        digits = len(lowest) - 2
        self._powers = np.array([0, *(10**place for place in reversed(range(digits))), 0], np.int64)
        self._least = int(lowest[1:-1])

    def read_off(self, job_ids: Sequence[str]) -> Ints | None:
        """The numbers of some ids of the stream; None where one is none, or of another length.

        An id that holds `_BETWEEN` itself would bring one more of them than there are ids.
        """
        width = len(self._span)
        text = _BETWEEN.join([*job_ids, ""])
        if len(text) != width * len(job_ids) or not text.isascii():
            return None
        above = _letters(text, width) - self._lowest
        if (above > self._span).any():
            return None
        numbers: Ints = above @ self._powers
        return numbers + self._least if self._least else numbers


def _letters(text: str, width: int) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode("ascii"), np.uint8).reshape(-1, width)


_FORMS = {
    SHORTEST: _Form(stream_job_id(0) + _BETWEEN, stream_job_id(999_999) + _BETWEEN),
    SHORTEST + 1: _Form(stream_job_id(1_000_000) + _BETWEEN, stream_job_id(9_999_999) + _BETWEEN),
}


class RawJobIds:
    """Numbers ids while a history is being read.

    The stream's job number i is i; the nth other id is -1 - n.
    """

    def __init__(self) -> None:
        self._others = Interner()

    def numbers(self, job_ids: Sequence[str]) -> Ints:
        """The raw numbers of some ids."""
        form = _FORMS.get(len(job_ids[0])) if job_ids else None
        numbers = None if form is None else form.read_off(job_ids)
        if numbers is None:
            return np.fromiter(map(self._number, job_ids), np.int64, len(job_ids))
        return numbers

    def _number(self, job_id: str) -> int:
        index = stream_index(job_id)
        return index if index is not None else -1 - self._others[job_id]

    def settled(self, columns: Iterable[Ints]) -> JobIds:
        """The final numbering of all ids whose raw numbers stand in `columns`."""
        return JobIds(columns, list(self._others))


def stream_index(job_id: str) -> int | None:
    """Which job of the stream has this id, where it is one that is read in bulk."""
    digits = job_id[1:]
    if len(job_id) not in LENGTHS or not (digits.isascii() and digits.isdecimal()):
        return None
    index = int(digits)
    return index if job_id == stream_job_id(index) else None


class JobIds:
    """All ids of a history, numbered from 0 without a gap: the stream's first, in their order."""

    def __init__(self, raw_columns: Iterable[Ints], others: list[str]) -> None:
        columns = list(raw_columns)
        highest = max((int(column.max()) for column in columns if column.size), default=-1)
        seen = np.zeros(max(highest + 1, 1), np.bool_)
        for column in columns:
            seen[column[column >= 0]] = True
        self._rank = np.cumsum(seen, dtype=np.int32) - 1
        self.stream = np.flatnonzero(seen).astype(np.int32)
        """Indices of the stream's jobs that some line names, ascending."""
        self.others = others
        """All other ids, in the order of first sight."""
        self._places = {job_id: place for place, job_id in enumerate(others)}

    def __len__(self) -> int:
        return len(self.stream) + len(self.others)

    def __iter__(self) -> Iterator[str]:
        return map(self.name, range(len(self)))

    def settle(self, raw: Ints) -> Ints:
        """Raw numbers as final ones, int32; nothing is copied where they are the same."""
        if not raw.size or raw.min() >= 0:
            gapless = len(self.stream) == len(self._rank)
            return raw if gapless and raw.dtype == np.int32 else self._rank[raw]
        others = len(self.stream) - 1 - raw
        return np.where(raw >= 0, self._rank[np.maximum(raw, 0)], others).astype(np.int32)

    @property
    def of_stream(self) -> Bools:
        """Marks the stream's jobs by their numbers; their children and the held jobs are none."""
        named = [STREAM_ID.fullmatch(job_id) is not None for job_id in self.others]
        return np.concatenate([np.ones(len(self.stream), np.bool_), np.array(named, np.bool_)])

    def name(self, number: int) -> str:
        """The id that has a number."""
        if number < len(self.stream):
            return stream_job_id(int(self.stream[number]))
        return self.others[number - len(self.stream)]

    def number(self, job_id: str) -> int | None:
        """The number of an id; None = no line names it."""
        index = stream_index(job_id)
        if index is None:
            place = self._places.get(job_id)
            return None if place is None else len(self.stream) + place
        if index >= len(self._rank):
            return None
        rank = int(self._rank[index])
        return rank if rank >= 0 and self.stream[rank] == index else None
