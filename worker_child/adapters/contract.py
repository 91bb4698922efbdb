"""What an adapter owes the instrument: its parent's side, and how its child is started."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import psycopg

from worker_child.protocol import Rescue, RowState


@dataclass(frozen=True)
class Workers:
    """What a scenario says of its workers, the same for every library."""

    slots: int
    concurrency: int
    pool_size: int
    max_attempts: int
    longest_length_s: float
    """The longest planned length of a job: what an operator knows who says how long is too long."""


PARITY: dict[str, str] = {
    "enqueue": "through what the producer enqueues, and how many jobs at once",
    "wake_up": "what tells an idle worker of a job, and how often it looks without being told",
    "claim_batch": "how many rows one claim takes",
    "completion": "how acknowledgements are written: one by one or buffered, and how long",
    "rescue_counts_as_attempt": "yes or no: whether a rescued job has used up an attempt",
    "retries": "who retries a failed job (library, adapter or nobody), and when",
    "finished_rows": "what becomes of the row of a finished job",
    "language": "the worker's language, and on what its handlers run",
    "ours": "which parts are the adapter's own choice or code",
}
"""What every preset says of itself, so that configuration differences can be listed."""


@dataclass(frozen=True)
class Preset:
    """A named group of the library's own settings, resolved for one set of workers."""

    name: str
    settings: dict[str, Any]
    """The library's own names and values; handed to the child and written to the history."""
    rescue: Rescue | None
    """None = never rescues by itself."""
    periods_s: dict[str, float]
    """The library's own rhythms; repeated kills are spread over the longest."""
    acknowledges_in_transaction: bool = False
    claims_visible: bool = True
    """Whether a claimed row shows as claimed; else held jobs are known by their events alone."""
    parity: Mapping[str, str] = field(default_factory=dict)
    """In a phrase for each key of `PARITY`: what a comparison must show beside the settings."""
    from_workers: Mapping[str, str] = field(default_factory=dict)
    """Settings that hold what the scenario says of its workers, by name: the scenario's key. They
    cannot be changed by themselves."""
    library_connections: int = 1
    """How many database sessions the library itself opens in each worker, at the most; those of the
    jobs (`Workers.pool_size`) are not counted. A server without room for all is refused."""


NO_CHANGES: Mapping[str, Any] = MappingProxyType({})


class OutgoingJob(NamedTuple):
    """What the producer hands to the queue."""

    job_id: str
    kind: str
    """The name under which the library dispatches it."""
    payload: bytes
    """A `worker_child.protocol.Plan` as JSON."""
    dedup_key: str | None = None
    """The queue is to take one job with this key; only where the adapter offers ``dedup`` or
    ``cache``. To a cache it is the address under which the job's result is kept."""


@dataclass(frozen=True)
class Accepted:
    """The queue took the job as row `inbox_id`."""

    inbox_id: str


@dataclass(frozen=True)
class Deduplicated:
    """The queue already had the job, as row `into` where it says so."""

    into: str | None


@dataclass(frozen=True)
class Rejected:
    """The queue refused the job."""

    error: str


EnqueueResult = Accepted | Deduplicated | Rejected


@dataclass(frozen=True)
class InboxRow:
    """One row of the inbox as the queue itself shows it."""

    job_id: str | None
    """None where the queue keeps no payload (a log entry): then `inbox_id` tells the job."""
    inbox_id: str
    state: RowState
    """Never ``absent``."""
    claimed_by: str | None = None
    library_attempt: int | None = None
    """The library's own count of attempts, as at the start of a job. None = it has none; one that
    counts says it of every claimed row, and never less than at its holder's start of it."""
    claimable_in_s: float | None = None
    """Seconds from the snapshot until the library makes a claimed row available again."""
    picked_after_done: bool = False
    claimed_for_s: float | None = None
    """Seconds from a claimed row's last claim until the snapshot; None = the queue does not say. By
    it a row is told from that of an earlier process of the same name."""

    def __post_init__(self) -> None:
        """Raises TypeError where a statement gave NULL, or another type, for what must be there."""
        must = (self.inbox_id, str), (self.state, str), (self.picked_after_done, bool)
        for value, kind in must:
            if not isinstance(value, kind):
                raise TypeError(f"a row of the inbox has {value!r} where a {kind.__name__} belongs")


@dataclass(frozen=True)
class QueueCounts:
    """Rows of the inbox by state."""

    queued: int
    claimed: int
    retrying: int
    dead: int
    table_bytes: int

    @property
    def unsettled(self) -> int:
        """Rows that the queue still has work with."""
        return self.queued + self.claimed + self.retrying


class Enqueuer(Protocol):
    """The producer's hold on the inbox: one connection of its own."""

    def enqueue(self, jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        """Put all `jobs` into the queue in one go; one result each, in their order.

        Raises psycopg.Error when the server refused or did not answer; whether the jobs are in
        the queue is then for the caller to judge.
        """
        ...

    def close(self) -> None: ...


class Adapter(Protocol):
    """One library under test, seen from the parent."""

    @property
    def name(self) -> str:
        """The library's name in the table."""
        ...

    @property
    def presets(self) -> Sequence[str]:
        """The names that `preset` takes."""
        ...

    def version(self) -> str:
        """The installed library's version."""
        ...

    def preset(
        self, name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES
    ) -> Preset:
        """Resolve a preset, with `changes` of single settings put on top of it.

        `changes` has names that the preset's `settings` have, and values of their types. Whatever
        follows from a setting (rescue, periods, parity) has to follow from the changed one. Raises
        `UnusableWorkersError` where the library cannot work so, and `UnusableSettingsError` where
        it cannot work with the changes, or where the adapter could not say what follows from them.
        """
        ...

    def install(self, dsn: str) -> None:
        """Create the library's own schema in an empty database.

        Raises psycopg.Error, and `ProgramFailedError` where a program of the library's own does it.
        """
        ...

    def enqueuer(self, dsn: str, preset: Preset, *, keyed: bool) -> Enqueuer:
        """Open the producer's connection, ready for the first job; `dsn` already names the session.

        Some libraries keep in the row what others set in the worker: that is in `preset`. `keyed`
        = the jobs have a `dedup_key`; only for an adapter that offers ``dedup`` or ``cache``. Of
        one that offers ``cache`` it is then `Asking` as well.
        """
        ...

    def counts(self, connection: psycopg.Connection[Any]) -> QueueCounts:
        """Count the inbox's rows by state."""
        ...

    def rows(
        self,
        connection: psycopg.Connection[Any],
        preset: Preset,
        inbox_ids: Sequence[str] | None = None,
    ) -> Iterable[InboxRow]:
        """Read the inbox inside the caller's transaction.

        Without `inbox_ids`: every row and what the queue's own log says of rows that are gone.
        With them: every claimed row, and those rows or log entries, whatever their state.
        """
        ...

    def child_argv(self) -> list[str]:
        """The command that starts a worker; it finds its init on stdin."""
        ...


CACHE_FOLDER_VARIABLE = "CRASHBENCH_CACHE_FOLDER"
"""Names a folder of the run's own, for a cache that keeps results in files. Every process of a run
whose scenario has a cache finds it in its environment."""

CacheOutcome = Literal["hit", "miss", "joined"]
"""``hit`` = the cache had the result; ``miss`` = it had not, and the queue was asked for a job of
the caller's own; ``joined`` = the queue had a job of that address already, for whose result the
caller waited."""


@dataclass(frozen=True)
class Served:
    """What a caller was served, as it was served: whole or not, its own or not."""

    sha256: str
    size: int
    """How many bytes came."""

    @classmethod
    def of(cls, content: bytes) -> Served:
        """Of everything that came."""
        return cls(hashlib.sha256(content).hexdigest(), len(content))


@dataclass(frozen=True)
class CacheAnswer:
    """What one caller of a queue with a cache was answered."""

    outcome: CacheOutcome
    enqueued: EnqueueResult | None
    """What the queue said to the caller's job; None of a hit, which never came so far."""
    enqueued_ns: int | None
    """When it had said so, CLOCK_MONOTONIC; None of a hit."""
    answered_ns: int
    """When the caller had every byte, or gave up, CLOCK_MONOTONIC."""
    served: Served | None
    """None = nothing."""
    error: str = ""
    """Where nothing was served: why."""


@runtime_checkable
class Asking(Protocol):
    """A producer's hold on a queue with a cache: a caller that waits for its result."""

    def ask(
        self, job: OutgoingJob, *, give_up_s: float, stopped: Callable[[], bool]
    ) -> CacheAnswer:
        """Have the result of the address `job.dedup_key` served, by whatever means is quickest.

        The cache is looked at first; what it has not got is the work of `job`, or of one that the
        queue had already. Gives up after `give_up_s`, and soon once `stopped`. Raises psycopg.Error
        when the server refused or did not answer; whether `job` is in the queue is then for the
        caller to judge.
        """
        ...


Offer = Literal["dedup", "fan_out", "cache", "sigterm", "child_processes", "worker_name"]
"""What not every library can do, and not every scenario needs: enqueue a key once, whoever else
enqueues it (`OutgoingJob.dedup_key`); enqueue from inside a job (`worker_child.body.Body.enqueue`);
keep the results of jobs, and serve them to whoever asks for their address (`Asking`); leave by
itself when its process gets SIGTERM, by a handler of the library's own; run jobs in processes that
the worker's first one has started, and that can outlive it; claim rows under a name that the worker
is given (`worker_child.protocol.Init.worker_name`), and say in `InboxRow` since when a row is
claimed.
"""


@runtime_checkable
class Offering(Protocol):
    """An adapter of a library that can do something of the above."""

    @property
    def offers(self) -> Mapping[Offer, str]:
        """What it can do, and how, in a phrase."""
        ...


@runtime_checkable
class Audited(Protocol):
    """An adapter whose queue keeps its own record of claims and acknowledgements: the controls."""

    def audit(self, connection: psycopg.Connection[Any]) -> Iterable[dict[str, Any]]:
        """Every row of that record, in its order; JSON-ready."""
        ...


class UnusableWorkersError(Exception):
    """The library cannot run with these workers; the text says why and what would do."""


class UnusableSettingsError(Exception):
    """Changed settings that the library cannot run with, or whose consequences (above all the
    bound of a rescue) the adapter cannot derive; the text says why and what would do."""
