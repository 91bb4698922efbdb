"""A history in memory: columns for what comes by the million, records for the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from analysis.errors import HistoryError
from analysis.faults_named import nth
from analysis.history.bounds import check_instants, check_plan, check_records
from analysis.history.bystander import transactions_of
from analysis.history.columns import ABSENT, Interner, Values, by_field
from analysis.history.job_ids import JobIds, RawJobIds
from analysis.history.questions import questions_of
from analysis.history.tables import (
    Effects,
    EndColumns,
    Ends,
    EnqueueColumns,
    Enqueues,
    FailureColumns,
    Failures,
    RowColumns,
    Rows,
    StartColumns,
    Starts,
)
from orchestrator.history.database_faults import DoorBefore, LockBefore, SnapshotBefore
from orchestrator.history.fault_parts import FAULT_PARTS
from orchestrator.history.producer_faults import ProducerBefore
from orchestrator.history.records import (
    HISTORY_VERSION,
    FaultEnded,
    FaultInjected,
    RowRead,
    RunEnd,
    RunStart,
)
from orchestrator.history.server_faults import ServerSeen
from orchestrator.history.targets import DatabaseTarget, ProducerTarget, ServerTarget, WorkerTarget
from orchestrator.history.worker_faults import PoisonBefore, SessionsBefore
from worker_child.protocol import JobDiscarded, JobDying, JobRetried, Note

FIRST_PHASE = "setup"
_HITS: dict[type[msgspec.Struct], type[msgspec.Struct]] = {
    SessionsBefore: WorkerTarget,
    PoisonBefore: WorkerTarget,
    ProducerBefore: ProducerTarget,
    ServerSeen: ServerTarget,
    DoorBefore: DatabaseTarget,
    LockBefore: DatabaseTarget,
    SnapshotBefore: DatabaseTarget,
}
"""By what is seen before a fault: whom it hits, where that tells it."""

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
    version: int
    """Of the lines as they stand in the file; all that is here is as in today's version."""
    truncated: bool
    """The last line was cut short."""
    scenario_digest: str | None
    """SHA-256 of the scenario as it stands in run_start."""
    bytes_beside_end: int
    """How many bytes the file has, run_end's own line apart."""
    jobs: JobIds
    """Every job id that any line names; tables hold their numbers."""
    identities: list[str]
    """Every identity that holds a row at the final read."""
    enqueues: Enqueues
    starts: Starts
    completions: Ends
    failures: Failures
    rows: Rows
    effects: Effects
    closings: list[RowRead]
    """The closing lines of the final read: there should be one."""
    kill_reads: list[RowRead]
    """Every line of the reads after kills, the closing ones included."""
    records: Records

    @property
    def server_harmed(self) -> bool:
        """A fault hit another thing than workers, and may have undone what was committed."""
        return any(not sent.target.workers for sent in self.records.of(FaultInjected))


def is_first_phase(note: Note) -> bool:
    """Whether the parent tells by it that a run begins."""
    return note.code == "phase" and note.n is None and note.detail.get("phase") == FIRST_PHASE


def read_fault(closings: list[RowRead], lines: int) -> str | None:
    """Why a read of rows does not count; None = it is complete. `lines` = lines that came."""
    if len(closings) != 1:
        return f"it has {len(closings)} closing lines where there must be one"
    if closings[0].error is not None:
        return closings[0].error
    if closings[0].lines != lines:
        return f"its closing line speaks of {closings[0].lines} lines, the history has {lines}"
    return None


class TableBuilder:
    """Takes the decoded lines block by block and makes a `History` of them."""

    def __init__(self) -> None:
        self._jobs = RawJobIds()
        self._identities = Interner()
        self._enqueues = EnqueueColumns(self._jobs)
        self._starts = StartColumns(self._jobs)
        self._completions = EndColumns(self._jobs)
        self._failures = FailureColumns(self._jobs)
        self._final_read = RowColumns(self._jobs, self._identities)
        self._closings: list[RowRead] = []
        self._kill_reads: list[RowRead] = []
        self._records: defaultdict[type[Any], list[Any]] = defaultdict(list)
        self._takers: dict[str, Callable[[Values], None]] = {
            "job_enqueued": self._enqueues.extend,
            "job_started": self._starts.extend,
            "job_completed": self._completions.extend,
            "job_failed": self._failures.extend,
        }

    def add(self, by_kind: Mapping[str, list[Any]]) -> None:
        """Take one block's fields, grouped by kind. Raises OverflowError."""
        for kind, fields in by_kind.items():
            if kind in self._takers:
                self._takers[kind](by_field(fields))
            elif kind == "row_read":
                self._take_row_reads(fields)
            else:
                self._records[type(fields[0])].extend(fields)

    def _take_row_reads(self, fields: list[RowRead]) -> None:
        rows = [read for read in fields if read.read == "final" and read.job_id is not None]
        if rows:
            self._final_read.extend(by_field(rows))
        if len(rows) < len(fields):
            self._kill_reads.extend(read for read in fields if read.read == "kill")
            closings = (read for read in fields if read.read == "final" and read.job_id is None)
            self._closings.extend(closings)

    def history(
        self,
        path: Path,
        run_id: str,
        version: int,
        size: int,
        *,
        truncated: bool,
        scenario_digest: str | None,
        bytes_beside_end: int,
    ) -> History:
        """All lines taken, as one history; `size` = the file's bytes.

        Raises HistoryError where it is not a whole one, and OverflowError where it holds a number
        that no history can.
        """
        self._check_faults(path)
        start, end = self._only_start(path), self._only_end(path)
        check_plan(end, size)
        check_records(chain(chain.from_iterable(self._records.values()), self._kill_reads))
        named = [
            *self._records[JobDying],
            *self._records[JobRetried],
            *self._records[JobDiscarded],
            *self._kill_reads,
        ]
        raw = [self._jobs.numbers([r.job_id for r in named if r.job_id is not None])]
        frequent = (self._enqueues, self._starts, self._completions, self._failures)
        raw += [columns.raw_job.array() for columns in (*frequent, self._final_read)]
        ids = self._jobs.settled(raw)
        enqueues, rows = self._enqueues.table(ids), self._final_read.rows(ids)
        starts, completions = self._starts.table(ids), self._completions.table(ids)
        failures = self._failures.table(ids)
        rare = np.array([r.t_ns for found in self._records.values() for r in found], np.int64)
        noted = np.array(self._noted_ns(path), np.int64)
        instants = (
            noted,
            enqueues.t_ns,
            enqueues.intended_ns,
            enqueues.sent_ns,
            enqueues.acknowledged_ns,
        )
        check_instants([rare, rows.t_ns, starts.t_ns, completions.t_ns, failures.t_ns, *instants])
        return History(
            run_id=run_id,
            start=start,
            end=end,
            version=version,
            truncated=truncated,
            scenario_digest=scenario_digest,
            bytes_beside_end=bytes_beside_end,
            jobs=ids,
            identities=list(self._identities),
            enqueues=enqueues,
            starts=starts,
            completions=completions,
            failures=failures,
            rows=rows,
            effects=self._final_read.effects(ids),
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

    def _check_faults(self, path: Path) -> None:
        """See that every fault is a known one, with the parts and the target that belong to it."""
        sent, seen = self._records[FaultInjected], self._records[FaultEnded]
        for line, parts in [*((s, "before") for s in sent), *((s, "after") for s in seen)]:
            if line.what not in FAULT_PARTS:
                what = (
                    f"fault {nth(line.fault)} is {line.what!r}; known are {', '.join(FAULT_PARTS)}"
                )
                remedy = "Read it with the version of Crashbench that wrote it"
                raise HistoryError(path, None, what, remedy)
            try:
                getattr(line, parts)
            except msgspec.ValidationError as error:
                what = (
                    f"the parts {parts} fault {nth(line.fault)} do not fit a {line.what} ({error})"
                )
                remedy = "Restore the file or repeat the run"
                raise HistoryError(path, None, what, remedy) from error
            hits = _HITS.get(FAULT_PARTS[line.what].before)
            if hits is not None and not isinstance(line.target, hits):
                kind = line.target.__struct_config__.tag
                what = f"fault {nth(line.fault)} is a {line.what}, which hits no {kind}"
                raise HistoryError(path, None, what, "Restore the file or repeat the run")

    def _noted_ns(self, path: Path) -> list[int]:
        """When each question to a cache was asked and each bystander's transaction begun, having
        seen that every note of one tells so."""
        notes, told = self._records[Note], "a question to a cache"
        try:
            asked = [question.told.asked_ns for question in questions_of(notes)]
            told = "a bystander's transaction"
            return [*asked, *(one.begun_ns for one in transactions_of(notes))]
        except msgspec.ValidationError as error:
            what = f"what a note tells of {told} does not fit ({error})"
            remedy = "Restore the file or repeat the run"
            raise HistoryError(path, None, what, remedy) from error

    def _only_end(self, path: Path) -> RunEnd | None:
        ends = self._records[RunEnd]
        if len(ends) > 1:
            what = f"there are {len(ends)} run_end lines where there must be one"
            raise HistoryError(path, None, what, "Repeat the run")
        return ends[0] if ends else None
