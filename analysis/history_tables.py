"""A history in memory: columns for what comes by the million, records for the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from analysis.columns import (
    ABSENT,
    STATE_CODES,
    Effects,
    Ends,
    Enqueues,
    Interner,
    Ints,
    Rows,
    Starts,
    integers,
    pack,
    worker_key,
)
from analysis.errors import HistoryError
from orchestrator.history import HISTORY_VERSION, RowRead, RunEnd, RunStart
from worker_child.protocol import JobDiscarded, JobRetried

RecordT = TypeVar("RecordT")


def fact_order(record: Any) -> tuple[int, int, int, int]:
    """The order of facts: (t_ns, slot, incarnation, n); the parent's own lines come first."""
    parts = (getattr(record, part, None) for part in ("slot", "incarnation", "n"))
    slot, incarnation, n = (ABSENT if part is None else part for part in parts)
    return record.t_ns, slot, incarnation, n


class Records:
    """The records of the rarer kinds, each kind in the order of facts."""

    def __init__(self, by_type: Mapping[type[Any], list[Any]]) -> None:
        self._by_type = {kind: sorted(found, key=fact_order) for kind, found in by_type.items()}

    def of(self, kind: type[RecordT]) -> list[RecordT]:
        """All records of one type."""
        return self._by_type.get(kind, [])


@dataclass(frozen=True, slots=True)
class History:
    """All that one file says, as far as it is judged."""

    run_id: str
    start: RunStart
    end: RunEnd | None
    truncated: bool
    """The last line was cut short."""
    jobs: list[str]
    """Every job id that any line names; tables point into this list."""
    job_numbers: Mapping[str, int]
    identities: list[str]
    """Every identity that holds a row at the final read."""
    enqueues: Enqueues
    starts: Starts
    completions: Ends
    failures: Ends
    rows: Rows
    effects: Effects
    closings: list[RowRead]
    """The closing lines of the final read: there should be one."""
    kill_reads: list[RowRead]
    """Every line of the reads after kills, the closing ones included."""
    records: Records


def _workers(fields: list[Any]) -> Ints:
    return integers(
        [
            ABSENT if f.slot is None or f.incarnation is None else worker_key(f.slot, f.incarnation)
            for f in fields
        ],
        np.int64,
    )


class TableBuilder:
    """Takes the decoded lines block by block and makes a `History` of them."""

    def __init__(self) -> None:
        self._jobs = Interner()
        self._inboxes = Interner()
        self._identities = Interner()
        self._enqueues: list[Enqueues] = []
        self._starts: list[Starts] = []
        self._completions: list[Ends] = []
        self._failures: list[Ends] = []
        self._rows: list[Rows] = []
        self._effects: list[Effects] = []
        self._closings: list[RowRead] = []
        self._kill_reads: list[RowRead] = []
        self._records: defaultdict[type[Any], list[Any]] = defaultdict(list)

    def add(self, by_kind: Mapping[str, list[Any]]) -> None:
        """Take one block's fields, grouped by kind. Raises OverflowError."""
        takers = {
            "job_enqueued": self._add_enqueues,
            "job_started": self._add_starts,
            "job_completed": lambda fields: self._completions.append(self._ends(fields)),
            "job_failed": lambda fields: self._failures.append(self._ends(fields)),
            "row_read": self._add_row_reads,
        }
        for kind, fields in by_kind.items():
            take = takers.get(kind)
            if take is None:
                self._records[type(fields[0])].extend(fields)
            else:
                take(fields)

    def _add_enqueues(self, fields: list[Any]) -> None:
        self._enqueues.append(
            Enqueues(
                job=self._jobs.codes([f.job_id for f in fields]),
                worker=_workers(fields),
                n=integers([f.n for f in fields], np.int32),
                t_ns=integers([f.t_ns for f in fields]),
                length_us=integers([f.length_us for f in fields]),
                intended_ns=integers([f.intended_ns for f in fields]),
                sent_ns=integers([f.sent_ns for f in fields]),
                acknowledged_ns=integers([f.acknowledged_ns for f in fields]),
                recovered=integers([f.outcome == "recovered" for f in fields], np.int8),
            )
        )

    def _keys(self, fields: list[Any]) -> Ints:
        return pack(
            integers([f.slot for f in fields]),
            integers([f.incarnation for f in fields]),
            integers([f.execution for f in fields]),
        )

    def _ends(self, fields: list[Any]) -> Ends:
        return Ends(
            job=self._jobs.codes([f.job_id for f in fields]),
            key=self._keys(fields),
            t_ns=integers([f.t_ns for f in fields]),
            n=integers([f.n for f in fields], np.int32),
        )

    def _add_starts(self, fields: list[Any]) -> None:
        self._starts.append(
            Starts(
                job=self._jobs.codes([f.job_id for f in fields]),
                key=self._keys(fields),
                t_ns=integers([f.t_ns for f in fields]),
                n=integers([f.n for f in fields], np.int32),
                inbox=self._inboxes.optional_codes([f.inbox_id for f in fields]),
            )
        )

    def _add_row_reads(self, fields: list[RowRead]) -> None:
        rows = [f for f in fields if f.read == "final" and f.job_id is not None]
        if len(rows) != len(fields):
            self._kill_reads.extend(f for f in fields if f.read == "kill")
            self._closings.extend(f for f in fields if f.read == "final" and f.job_id is None)
        if not rows:
            return
        jobs = self._jobs.codes([f.job_id for f in rows])  # type: ignore[misc]
        self._rows.append(
            Rows(
                job=jobs,
                t_ns=integers([f.t_ns for f in rows]),
                state=integers([STATE_CODES[f.state or "absent"] for f in rows], np.int8),
                claimant=self._identities.optional_codes([f.claimed_by for f in rows]),
                picked_after_done=integers([f.picked_after_done for f in rows], np.int8),
                failures=integers([f.failures for f in rows], np.int32),
            )
        )
        effects = [effect for f in rows for effect in f.effects]
        if effects:
            parts = np.array(effects, np.int64)
            counts = [len(f.effects) for f in rows]
            self._effects.append(
                Effects(np.repeat(jobs, counts), pack(parts[:, 0], parts[:, 1], parts[:, 2]))
            )

    def history(self, path: Path, run_id: str, *, truncated: bool) -> History:
        """All lines taken, as one history. Raises HistoryError where it is not a whole one."""
        for kind in (JobRetried, JobDiscarded):
            for record in self._records[kind]:
                self._jobs[record.job_id]
        for read in self._kill_reads:
            if read.job_id is not None:
                self._jobs[read.job_id]
        return History(
            run_id=run_id,
            start=self._only_start(path),
            end=self._only_end(path),
            truncated=truncated,
            jobs=list(self._jobs),
            job_numbers=self._jobs,
            identities=list(self._identities),
            enqueues=Enqueues.joined(self._enqueues),
            starts=Starts.joined(self._starts),
            completions=Ends.joined(self._completions),
            failures=Ends.joined(self._failures),
            rows=Rows.joined(self._rows),
            effects=Effects.joined(self._effects),
            closings=self._closings,
            kill_reads=self._kill_reads,
            records=Records(self._records),
        )

    def _only_start(self, path: Path) -> RunStart:
        starts = self._records[RunStart]
        if len(starts) != 1:
            what = f"there are {len(starts)} run_start lines where there must be one"
            raise HistoryError(path, None, what, "Repeat the run")
        if starts[0].history_version != HISTORY_VERSION:
            what = f"the history has version {starts[0].history_version}, not {HISTORY_VERSION}"
            remedy = "Read it with the version of Crashbench that wrote it"
            raise HistoryError(path, None, what, remedy)
        start: RunStart = starts[0]
        return start

    def _only_end(self, path: Path) -> RunEnd | None:
        ends = self._records[RunEnd]
        if len(ends) > 1:
            what = f"there are {len(ends)} run_end lines where there must be one"
            raise HistoryError(path, None, what, "Repeat the run")
        return ends[0] if ends else None
