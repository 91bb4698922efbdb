"""The summary of one run: every key of ``<run_id>.summary.json``, with its meaning and unit.

`summary.schema.json` is made from these types (`python -m analysis schema`). The sections that are
measured are typed where they are made; what is counted, judged and said of a run is typed here.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import orjson

from analysis.ledger.tally import NotableJob
from analysis.metrics.bystanders import BystanderFound
from analysis.metrics.cache import Cache
from analysis.metrics.dedup import Dedup
from analysis.metrics.departures import DepartureFound
from analysis.metrics.failures import Errors
from analysis.metrics.fairness import ByLabel, Tenants
from analysis.metrics.faults import CostsAttempt, FaultFound
from analysis.metrics.kill_types import Recovery
from analysis.metrics.latency import Latencies
from analysis.metrics.namesakes import NamesakeFound
from analysis.metrics.pauses import PauseFound
from analysis.metrics.poison import PoisonFound
from analysis.metrics.queue import Queue
from analysis.metrics.resources import Resources
from analysis.metrics.stalls import StallFound
from analysis.metrics.survivors import SurvivorsFound
from analysis.metrics.throughput import Throughput
from analysis.section import Section
from orchestrator.history.records import HISTORY_VERSION, Invocation, ReasonOfEnd
from worker_child.protocol import Rescue

SUMMARY_VERSION: Literal[2] = 2

RunVerdict = Literal["pass", "fail", "unknown", "invalid"]
ExpectationOutcome = Literal["met", "broken", "unknown", "not_applicable"]


class WorkerLife(Section, frozen=True, kw_only=True):
    """When one process of a slot was there: seconds after T = 0; null = it was never seen."""

    slot: int
    """The place that it filled."""
    incarnation: int
    """The nth process there, from 0."""
    spawned_s: float | None
    """When it was started."""
    ready_s: float | None
    """When it could claim a job."""
    left_s: float | None
    """When it was reaped."""
    ended: ReasonOfEnd | None
    """How it left; null = it was never seen to leave."""
    identity: str | None = None
    """Under which name it holds rows of the queue, as it said when ready; left out where it never
    became ready."""
    peak_rss_bytes: int | None = None
    """The most memory that it ever held, bytes, by the kernel's word when it was reaped; left out
    where nobody was told."""


class Opened(Section, frozen=True, kw_only=True):
    """What workers said, once ready, of what they had opened and set."""

    workers: int
    """So many said just this."""
    what: dict[str, Any]
    """By a name of the worker's own: connections, versions, ..."""


class RunSection(Section, frozen=True, kw_only=True):
    """What was run, on what, and how it came to its end."""

    scenario: str
    """The scenario's name."""
    history_version: int = HISTORY_VERSION
    """Of the file that was read; left out where it is today's. Of version 1 less is asked: neither
    were its jobs drawn again nor its scenario's digest known."""
    scenario_sha256: str
    """Of the resolved scenario."""
    library: str
    """The queue under test."""
    library_version: str
    """The version that was really loaded."""
    preset: str
    """The group of the library's own settings."""
    ordinal: int
    """Which repetition it was, from 1."""
    seed: int
    """What the workload was drawn from."""
    time_scale: float
    """The factor on the lengths of medium and long jobs."""
    warmup_s: float
    """Jobs intended in so many seconds from T = 0 are left out of latencies and rates."""
    settings: dict[str, Any]
    """The library's own settings."""
    environment: dict[str, Any]
    """Hardware, kernel, Python, PostgreSQL and its settings, packages, code."""
    cell_hash: str
    """Runs with the same one on the same hardware may be pooled."""
    rescue: Rescue | None
    """How the library frees the jobs of a dead worker; null = this preset never does."""
    periods_s: dict[str, float]
    """The library's own rhythms (flush, heartbeat, poll, ...), seconds."""
    acknowledges_in_transaction: bool
    """The preset records a job's end in the job's own transaction."""
    ended: Literal["completed", "interrupted", "failed"] | None
    """How the run came to its end; null = the history has no run_end."""
    drain: str | None
    """``agreed`` = nothing was left in the queue; else what was still waited for."""
    phases_s: dict[str, float] = msgspec.field(default_factory=dict)
    """How long each phase of the run took, seconds, in their order; ``start`` = before the first.
    Empty = the run did not come to its end, or noted no phase."""
    workers: list[WorkerLife] = msgspec.field(default_factory=list)
    """Every worker, by slot and incarnation. Empty = T = 0 never came."""
    asked_for: dict[str, Any] = msgspec.field(default_factory=dict)
    """The scenario, resolved: defaults filled in, what was set put on top; a key that has no value
    is left out."""
    invocation: Invocation | None = None
    """What a command line has to name, so that the same is asked for again; left out where no
    command asked for it."""
    preset_hash: str | None = None
    """By it a tuned preset and its no-fault control find each other; left out where the preset does
    not suit any workers."""
    parity: dict[str, str] = msgspec.field(default_factory=dict)
    """What a comparison must show beside the settings, in a phrase each."""
    offers: dict[str, str] = msgspec.field(default_factory=dict)
    """What the library can do and not every library can, and how, in a phrase each."""
    opened: list[Opened] = msgspec.field(default_factory=list)
    """What the workers said of what they had opened; those that said the same stand together."""
    producer_latest_us: int | None = None
    """How late the producer woke at worst, microseconds; left out where nobody was told."""
    stream_s: float | None = None
    """From T = 0 until the stream of jobs ended, seconds; left out where it never did."""


class DuplicatedByKind(Section, frozen=True, kw_only=True):
    """Duplicated jobs by how it came about: the first row that holds, from below."""

    sequential: int
    """Done again after an earlier execution was over."""
    concurrent: int
    """Two executions at once."""
    after_acknowledged: int
    """Done again although the queue had recorded it as done."""
    re_enqueued: int
    """Done from several rows of the queue."""


class FinalStatuses(Section, frozen=True, kw_only=True):
    """Jobs by how they themselves ended, whatever the queue made of it."""

    completed: int
    """Done at least once."""
    failed: int
    """Never done; the last execution failed."""
    discarded: int
    """Never done; given up by the library."""
    none: int
    """None of the three."""


class JobsSection(Section, frozen=True, kw_only=True):
    """The ledger: every accepted job has one verdict; and the jobs that stand outside it."""

    enqueued: int
    """Jobs of the ledger: the sum of the seven verdicts."""
    completed_once: int
    """Done once."""
    duplicated: int
    """Done more than once."""
    lost: int
    """Never done, and gone from the queue."""
    stranded: int
    """Left behind beyond their deadline: with a dead worker, with one that was told to stop, or in
    the queue while a live worker had nothing to do."""
    pending: int
    """Still in the queue when the run ended."""
    discarded: int
    """Given up by the library."""
    ambiguous: int
    """A needed witness is missing, or two contradict each other."""
    duplicated_by_kind: DuplicatedByKind
    """`duplicated` by how it came about."""
    pending_by_reason: dict[str, int]
    """`pending` by where they were left."""
    stranded_by_reason: dict[str, int]
    """`stranded` by where they were left: ``dead_worker``, ``told_to_stop``, ``alive_and_idle``."""
    ambiguous_by_reason: dict[str, int]
    """`ambiguous` by the witness that fails."""
    unexpected: int
    """Jobs that were seen and never planned."""
    unexpected_ids: list[str]
    """Their ids, the first hundred."""
    recovered: int
    """Jobs whose enqueue nobody recorded and that the queue has."""
    not_enqueued: int
    """Planned jobs whose enqueue had an unknown outcome and that were never seen."""
    rejected: int
    """Jobs that the queue refused."""
    deduplicated: int
    """Jobs that the queue answered with another one that it had already."""
    late: int
    """Jobs first completed after their deadline."""
    bound_not_reached: int
    """Jobs left with a dead worker whose deadline had not come when the run ended."""
    flags: dict[str, int]
    """Jobs by flag; a job may have several."""
    flags_by_verdict: dict[str, dict[str, int]]
    """The same within each verdict that has any."""
    final_status: FinalStatuses
    """Jobs by how they themselves ended."""
    notable_left_out: int
    """Jobs that `notable_jobs` has no room for."""
    dedup: Dedup | None = None
    """Where the scenario has several enqueuers of one key: what became of the keys."""
    answers_shared: bool = False
    """Whether the scenario asks a cache: an enqueue that is answered with another job, or with no
    job at all, is as planned."""

    @property
    def refused(self) -> int:
        """Jobs that the queue did not take, or answered with another one though each has a key of
        its own; 0 where several enqueuers send one key: there the keys count (`dedup`)."""
        if self.dedup is not None:
            return 0
        return self.rejected if self.answers_shared else self.rejected + self.deduplicated

    @property
    def given_up(self) -> int:
        """Jobs that the library discarded although nothing had been planned to fail for good."""
        return self.flags.get("by_crash_alone", 0) + self.flags.get("unexplained", 0)


class LiveDuplicates(Section, frozen=True, kw_only=True):
    """Jobs that the library ran twice without any death, by what made it: the first that holds."""

    drain: int
    """Their worker had been told to stop and was not done with them."""
    leaderless: int = 0
    """The first process of their worker was dead, and those that lived on were at them."""
    pause: int
    """A fault held their worker up, which went on afterwards."""
    outage: int
    """A fault that hit no worker in particular was on: of the server, or the network."""
    short_lease: int
    """They ran for longer than the library's lease."""
    rescue: int
    """None of these: they were taken from a live worker all the same."""


class CrashSection(Section, frozen=True, kw_only=True):
    """What all faults together did."""

    kills: int
    """Faults that ended a worker's process."""
    certificates: int
    """Faults, of whatever sort, whose certificate is complete."""
    duplicated: int
    """Jobs that the ledger calls duplicated: completed twice or more, or with as many effects. The
    sum of the next three."""
    duplicates_by_crash: int
    """A worker that had done them died, and they were done again elsewhere."""
    duplicates_re_enqueued: int
    """Their coordinator enqueued them again: they were done from several rows of the queue."""
    duplicates_live: int
    """The library ran them twice without any death."""
    duplicates_live_by: LiveDuplicates
    """`duplicates_live` by what made it."""
    duplicates_unattributed: int
    """Those of `duplicated` that belong to no kill."""
    duplicate_executions: int
    """Jobs with two or more job_completed lines, as anybody can count them again. One whose effect
    tells of an execution that was killed before its line is `duplicated` and not here."""
    duplicate_effects: int | None
    """Jobs with two or more committed effects."""
    duplicate_effects_why: str | None = None
    re_executions: int
    """Jobs that were delivered again before an earlier execution had failed."""
    given_up: int
    """Jobs that the queue gave up though their handler never failed: a fault ended the worker that
    had them."""
    attempts_used_up: int | None
    """Attempts that jobs lost by faults alone, by the library's own count."""
    attempts_used_up_why: str | None = None
    rescue_costs_attempt: CostsAttempt
    """Whether being rescued or taken counts as an attempt; ``not_told`` = the library counts none,
    or no job was started again."""
    alive_and_idle_s: float | None
    """How long, in the whole run, a worker lived and had a place free while a job waited, and took
    none; stretches of more than a second, seconds."""
    alive_and_idle_s_why: str | None = None
    harness_ambiguity: int
    """Ambiguous jobs whose reason is the instrument's own failure: there must be none."""
    integrity_surface_at_kill: int | None
    """Jobs whose rows the victims held: the queue alone cannot say whether they had run."""
    integrity_surface_at_kill_why: str | None = None
    integrity_surface_final: int
    """Jobs of which no witness can say it in the end."""


class UnexpectedExit(Section, frozen=True, kw_only=True):
    """A worker that died unasked, and what it said last."""

    slot: int
    """Its slot."""
    incarnation: int
    """Which process of the slot it was, from 0."""
    ours: bool
    """Its traceback ends in the instrument's own code."""
    stderr: list[str]
    """The last lines that it wrote to stderr, as it wrote them."""


class Expectation(Section, frozen=True, kw_only=True):
    """One expectation of the scenario, and whether it is met."""

    name: str
    """What is counted or timed; ``min_`` and ``max_`` = at least and at most."""
    expected: Any
    """The scenario's value."""
    found: Any
    """What the run showed; null = nothing that could be held against it."""
    outcome: ExpectationOutcome
    """Whether it is met."""
    why: str | None
    """What it means that it is broken, or why it is neither met nor broken, in words."""

    def sentence(self) -> str:
        """For people."""
        why = f" ({self.why})" if self.why else ""
        return f"Expected {self.name} = {self.expected}, found {self.found}: {self.outcome}{why}."


class Summary(Throughput, frozen=True, kw_only=True):
    """One run, judged. The throughput's keys stand beside those of the verdict."""

    summary_version: Literal[2]
    """Counts the changes of this file's form."""
    run_id: str
    """Which run."""
    verdict: RunVerdict
    """Whether the scenario's expectations are met, and whether the run can be trusted at all."""
    exit_code: int
    """What a command that ended with this run exits with."""
    reasons: list[str]
    """Sentences: why it did not pass; empty where it did."""
    findings: list[str]
    """Sentences: what else a reader should know. No verdict rests on them."""
    run: RunSection
    """What was run, on what, and how it came to its end."""
    jobs: JobsSection
    """The ledger, and the jobs that stand outside it."""
    crash: CrashSection
    """What all kills together did."""
    recovery: list[Recovery]
    """One a kill, the first kill first."""
    latency_ms: Latencies
    """Latencies of all jobs, milliseconds."""
    latency_by_ms: ByLabel
    """The same by kind and by class of job, milliseconds."""
    tenants: Tenants
    """Who gets how much."""
    errors: Errors
    """Failed executions, attempts, discards and retries."""
    queue: Queue
    """The queue at 1 Hz, what the load left, and the recovery from bursts and errors."""
    resources: Resources
    """Memory, the use of the workers' capacity, and queries."""
    expectations: list[Expectation]
    """Every expectation, by name."""
    notable_jobs: list[NotableJob]
    """Jobs worth a look; at most a hundred of one verdict and reason."""

    cache: Cache | None = None
    """Where the scenario has callers of a cache: what they were served."""
    faults: tuple[FaultFound, ...] = ()
    """Every fault of whatever sort, in the order of time; left out where there is none."""
    stalls: tuple[StallFound, ...] = ()
    """Workers whose connections stood still for a while; left out where there is none."""
    pauses: tuple[PauseFound, ...] = ()
    """Workers that were stopped for a while; left out where there is none."""
    departures: tuple[DepartureFound, ...] = ()
    """Workers that a fault told to leave; left out where there is none."""
    poison: PoisonFound | None = None
    """Where the scenario has jobs that kill their worker: what they did."""
    survivors: tuple[SurvivorsFound, ...] = ()
    """What lived on of workers whose first process a fault killed; left out where there is none."""
    namesakes: tuple[NamesakeFound, ...] = ()
    """Workers whose slot's next one bore their name; left out where there is none."""
    bystanders: tuple[BystanderFound, ...] = ()
    """What a held snapshot cost whoever shares the database; left out where there was none."""
    unexpected_exits: tuple[UnexpectedExit, ...] = ()
    """Workers that died unasked and said something on stderr; left out where there is none."""

    def as_json(self) -> bytes:
        """The file's content: sorted keys, indented, a line end behind the last line."""
        options = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        return orjson.dumps(msgspec.to_builtins(self), option=options)
