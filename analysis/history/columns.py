"""Millions of events as columns: how texts and numbers of many lines become numpy arrays.

An execution's key packs (slot, incarnation, execution) into one integer, so that executions are
compared and joined as numbers. A missing number is `ABSENT`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from msgspec.structs import astuple
from numpy.typing import NDArray

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


Values = Mapping[str, tuple[Any, ...]]
"""By a field's name: its values in some records."""


def by_field(records: Sequence[Any]) -> Values:
    """Turn records of one type into columns. There must be one at least."""
    columns = zip(*map(astuple, records), strict=True)
    return dict(zip(records[0].__struct_fields__, columns, strict=True))


def all_equal(values: Sequence[Any]) -> bool:
    """Whether some values, one at least, are all the same: told ten times as fast as converted.

    Columns that ascend, as most do, are known by their two ends.
    """
    return bool(values[0] == values[-1]) and values.count(values[0]) == len(values)


class Column:
    """One column of integers that grows block by block.

    As long as all its numbers are the same, it takes the memory of one.
    """

    def __init__(self, dtype: Any = np.int64) -> None:
        self.dtype = np.dtype(dtype)
        self._bytes = bytearray()
        self._same: Ints = np.empty(0, self.dtype)
        """The number that all are; of no length where none has come, or several have."""
        self._repeated = 0
        """How many times `_same` has come."""

    def extend(self, values: Iterable[int], count: int) -> None:
        """Add `count` numbers. Raises OverflowError where one needs more bits, and TypeError."""
        self.extend_by(np.fromiter(values, self.dtype, count))

    def repeat(self, value: int, count: int) -> None:
        """Add one number `count` times. Raises OverflowError where it needs more bits."""
        if self._repeated and self._same[0] == value:
            self._repeated += count
        elif self._repeated or self._bytes:
            self.extend_by(np.full(count, value, self.dtype))
        else:
            self._same, self._repeated = np.full(1, value, self.dtype), count

    def extend_by(self, numbers: Ints) -> None:
        """Add an array of numbers that fit."""
        if self._repeated:
            self._bytes += np.repeat(self._same, self._repeated).data
            self._repeated = 0
        self._bytes += np.ascontiguousarray(numbers, self.dtype).data

    def spread(self, numbers: Ints, count: int) -> None:
        """Add `count` numbers that fit: a single one as often as that, or each of so many."""
        if len(numbers) == 1:
            self.repeat(int(numbers[0]), count)
        else:
            self.extend_by(numbers)

    def array(self) -> Ints:
        """All of it, without a copy and not to be written to; the column grows no more."""
        if self._repeated:
            return np.broadcast_to(self._same, self._repeated)
        return np.frombuffer(self._bytes, self.dtype)


class NumberColumns:
    """Some integer fields of many records, a column each; grows block by block."""

    def __init__(self, **dtypes: Any) -> None:
        """By a field's name: what its numbers fit into."""
        self._columns = {name: Column(dtype) for name, dtype in dtypes.items()}

    def extend(self, values: Values) -> None:
        """Add more, `ABSENT` for None. OverflowError: a number needs more bits than it has."""
        for name, column in self._columns.items():
            added = values[name]
            if all_equal(added):
                column.repeat(ABSENT if added[0] is None else added[0], len(added))
            else:
                column.extend_by(_numbers(added, column.dtype))

    def arrays(self) -> list[Ints]:
        """One array a name, in the order of the names."""
        return [column.array() for column in self._columns.values()]


def _numbers(values: Sequence[int | None], dtype: np.dtype[Any]) -> Ints:
    """Some numbers, `ABSENT` for None."""
    try:
        numbers: Ints = np.fromiter(values, dtype, len(values))
    except TypeError:
        known = (ABSENT if value is None else value for value in values)
        numbers = np.fromiter(known, dtype, len(values))
    return numbers


def _one_or_all(values: Sequence[int | None]) -> Ints:
    """The number that all values are, or each one; either can be reckoned with all others."""
    return _numbers(values[:1] if all_equal(values) else values, np.dtype(np.int64))


@dataclass(frozen=True, slots=True)
class Labels:
    """One label a line, of a few that are used again and again."""

    names: list[str]
    """Every label that some line bears, in their order."""
    code: Ints
    """A line's place in `names`; `ABSENT` where it bears none."""

    def by_job(self, job: Ints, jobs: int) -> Ints:
        """By a job's number: the code of its label; `job` = the lines' jobs."""
        codes = np.full(jobs, ABSENT, np.int32)
        np.maximum.at(codes, job, self.code)
        return codes


class _Codes(dict[str | None, int]):
    """Numbers each distinct label, and the lack of one, in the order of first sight."""

    def __missing__(self, label: str | None) -> int:
        self[label] = code = len(self)
        return code


class LabelColumn:
    """A column of labels that grows block by block."""

    def __init__(self) -> None:
        self._seen = _Codes()
        self._codes = Column(np.int32)

    def extend(self, texts: Sequence[str | None]) -> None:
        """Add more; None = no label."""
        self._codes.extend(map(self._seen.__getitem__, texts), len(texts))

    def labels(self) -> Labels:
        """All of it; the numbering depends on the labels alone and not on the lines' order."""
        names = sorted(label for label in self._seen if label is not None)
        place: dict[str | None, int] = {name: code for code, name in enumerate(names)}
        dtype = np.min_scalar_type(-len(names) - 1)
        settled = np.array([place.get(label, ABSENT) for label in self._seen], dtype)
        return Labels(names, settled[self._codes.array()])


def digests(texts: Sequence[str | None]) -> Ints:
    """64 bits that stand for each text; `ABSENT`, which no digest is, where there is none.

    Only good for telling a few texts apart within one process; cheaper than numbering millions
    of texts that are never seen again.
    """
    found = np.fromiter(map(hash, texts), np.int64, len(texts))
    found[found == hash(None)] = ABSENT
    return found


def _fitting(part: Ints, limit: int) -> Ints:
    if part.size and (part.min() < 0 or part.max() > limit):
        raise OverflowError(f"a part of an execution's identity lies outside 0..{limit}")
    return part


def pack_workers(slot: Ints, incarnation: Ints) -> Ints:
    """Keys of incarnations. Raises OverflowError where a part does not fit its bits."""
    slots = _fitting(slot, MAX_SLOT)
    keys: Ints = (slots << INCARNATION_BITS) | _fitting(incarnation, (1 << INCARNATION_BITS) - 1)
    return keys


def pack(slot: Ints, incarnation: Ints, execution: Ints) -> Ints:
    """Keys of executions. Raises OverflowError where a part does not fit its bits."""
    workers = pack_workers(slot, incarnation)
    keys: Ints = (workers << EXECUTION_BITS) | _fitting(execution, (1 << EXECUTION_BITS) - 1)
    return keys


def worker_keys(values: Values) -> Ints:
    """Keys of the incarnations that wrote some lines, `ABSENT` where the parent wrote one; a single
    key where all are the same. Raises OverflowError where a part does not fit its bits."""
    slot, incarnation = _one_or_all(values["slot"]), _one_or_all(values["incarnation"])
    if (slot != ABSENT).all():
        return pack_workers(slot, incarnation)
    slots, incarnations = np.broadcast_arrays(slot, incarnation)
    keys = np.full(len(slots), ABSENT, np.int64)
    by_child = slots != ABSENT
    keys[by_child] = pack_workers(slots[by_child], incarnations[by_child])
    return keys


def execution_keys(values: Values) -> Ints:
    """Keys of the executions that some lines are of. Raises OverflowError like `pack`."""
    parts = (_one_or_all(values[name]) for name in ("slot", "incarnation", "execution"))
    return pack(*parts)


def keys_of_children(values: Values) -> Ints:
    """Of the lines that a child wrote: the keys of the executions that they were written in,
    `ABSENT` where none is named. Raises OverflowError like `pack`."""
    names = ("slot", "incarnation", "execution")
    slot, incarnation, execution = (_one_or_all(values[name]) for name in names)
    if (slot == ABSENT).all():
        return np.empty(0, np.int64)
    parts = np.broadcast_arrays(slot, incarnation, execution, np.empty(len(values["slot"])))
    mine = [part[parts[0] != ABSENT] for part in parts[:3]]
    keys = np.full(len(mine[0]), ABSENT, np.int64)
    named = mine[2] != ABSENT
    keys[named] = pack(*(part[named] for part in mine))
    return keys


def worker_key(slot: int, incarnation: int) -> int:
    """The part of an execution's key that names its incarnation."""
    return (slot << INCARNATION_BITS) | incarnation


def pack_one(slot: int, incarnation: int, execution: int) -> int:
    """The key of one execution."""
    return (worker_key(slot, incarnation) << EXECUTION_BITS) | execution


def distinct_workers(keys: Ints) -> list[int]:
    """The incarnations' keys that occur in executions' keys, ascending."""
    workers = keys >> EXECUTION_BITS
    changes = np.flatnonzero(np.diff(workers, prepend=ABSENT))
    distinct: list[int] = np.unique(workers[changes]).tolist()
    return distinct


def unpack_worker(key: int) -> tuple[int, int]:
    """(slot, incarnation) of an incarnation's key."""
    return divmod(key, 1 << INCARNATION_BITS)


def unpack(key: int) -> tuple[int, int, int]:
    """(slot, incarnation, execution) of an execution's key."""
    worker, execution = divmod(key, 1 << EXECUTION_BITS)
    return *unpack_worker(worker), execution
