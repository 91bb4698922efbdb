"""Millions of events as columns: how lines become numpy arrays, and what each array holds.

An execution's key packs (slot, incarnation, execution) into one integer, so that executions are
compared and joined as numbers. A missing number is `ABSENT`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from worker_child.protocol import RowState

ABSENT = -1
Ints = NDArray[np.signedinteger[Any]]
Bools = NDArray[np.bool_]

EXECUTION_BITS = 32
INCARNATION_BITS = 16
MAX_SLOT = (1 << 15) - 1


class Interner(dict[str, int]):
    """Gives each distinct text a small number, from 0, in the order of first sight."""

    def __missing__(self, text: str) -> int:
        self[text] = code = len(self)
        return code

    def codes(self, texts: Sequence[str]) -> Ints:
        """The numbers of `texts`, as int32."""
        return np.fromiter(map(self.__getitem__, texts), np.int32, len(texts))

    def optional_codes(self, texts: Sequence[str | None]) -> Ints:
        """The numbers of `texts`; `ABSENT` where there is none."""
        if not any(texts):
            return np.full(len(texts), ABSENT, np.int32)
        return np.array([ABSENT if text is None else self[text] for text in texts], np.int32)


def integers(values: Sequence[int | None], dtype: Any = np.int64) -> Ints:
    """A column of numbers, `ABSENT` for None. Raises OverflowError where a number is too great."""
    try:
        return np.array(values, dtype)
    except TypeError:
        return np.array([ABSENT if value is None else value for value in values], dtype)


def pack(slot: Ints, incarnation: Ints, execution: Ints) -> Ints:
    """Keys of executions. Raises OverflowError where a part does not fit its bits."""
    for part, limit in (
        (slot, MAX_SLOT),
        (incarnation, (1 << INCARNATION_BITS) - 1),
        (execution, (1 << EXECUTION_BITS) - 1),
    ):
        if part.size and (part.min() < 0 or part.max() > limit):
            raise OverflowError(f"a part of an execution's identity lies outside 0..{limit}")
    key: Ints = (((slot << INCARNATION_BITS) | incarnation) << EXECUTION_BITS) | execution
    return key


def worker_key(slot: int, incarnation: int) -> int:
    """The part of an execution's key that names its incarnation."""
    return (slot << INCARNATION_BITS) | incarnation


def unpack_worker(key: int) -> tuple[int, int]:
    """(slot, incarnation) of an incarnation's key."""
    return divmod(key, 1 << INCARNATION_BITS)


def unpack(key: int) -> tuple[int, int, int]:
    """(slot, incarnation, execution) of an execution's key."""
    worker, execution = divmod(key, 1 << EXECUTION_BITS)
    return *unpack_worker(worker), execution


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of equal length, one entry a line."""

    job: Ints
    """The job's number in the history's list of ids."""

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """All `parts` as one table, in their order."""
        if not parts:
            return cls(*(np.empty(0, np.int64) for _ in fields(cls)))
        return cls(
            *(np.concatenate([getattr(p, field.name) for p in parts]) for field in fields(cls))
        )

    def __len__(self) -> int:
        return len(self.job)


@dataclass(frozen=True, slots=True)
class Ends(Table):
    """`job_completed` or `job_failed` lines."""

    key: Ints
    t_ns: Ints
    n: Ints


@dataclass(frozen=True, slots=True)
class Starts(Ends):
    """`job_started` lines."""

    inbox: Ints
    """A number for the inbox_id."""


@dataclass(frozen=True, slots=True)
class Enqueues(Table):
    """`job_enqueued` lines. `worker` and `n` are `ABSENT` where the parent wrote the line."""

    worker: Ints
    n: Ints
    t_ns: Ints
    length_us: Ints
    intended_ns: Ints
    sent_ns: Ints
    acknowledged_ns: Ints
    recovered: Ints


@dataclass(frozen=True, slots=True)
class Rows(Table):
    """Lines of the final `row_read`, the closing one apart."""

    t_ns: Ints
    state: Ints
    """The place in `STATES`: the least settled first."""
    claimant: Ints
    """A number for the identity that holds the row."""
    picked_after_done: Ints
    failures: Ints


@dataclass(frozen=True, slots=True)
class Effects(Table):
    """Effect rows of the final `row_read`."""

    key: Ints


STATES: tuple[RowState, ...] = ("queued", "retrying", "claimed", "dead", "done", "absent")
"""States of a row, the least settled first."""
STATE_CODES = {state: code for code, state in enumerate(STATES)}
