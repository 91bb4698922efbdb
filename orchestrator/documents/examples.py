"""One line of each kind, as a run of crash_recovery_short would have written it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from orchestrator.history.records import (
    HISTORY_VERSION,
    KIND_OF,
    ChildExited,
    ChildSpawned,
    ClockAnchorRecord,
    EnqueueFailed,
    FaultEnded,
    FaultInjected,
    HistoryRecord,
    QueueSnapshot,
    ResourceSample,
    RowRead,
    RunEnd,
    RunStart,
)
from orchestrator.history.sessions import Session
from orchestrator.history.targets import WorkerTarget
from orchestrator.history.worker_faults import ProcessEnd, SessionsBefore
from orchestrator.scenario.faults import Kill
from orchestrator.scenario.types import Scenario, WorkerSettings, WorkloadSettings
from worker_child.names import session_name
from worker_child.protocol import (
    ChildReady,
    JobCompleted,
    JobDiscarded,
    JobDying,
    JobEnqueued,
    JobFailed,
    JobRetried,
    JobStarted,
    Note,
    Rescue,
)

RUN_ID = "crash_recovery_short-pgqueuer-tuned-001"
_MONOTONIC_AT_ANCHOR_NS = 86_400_000_000_000
_ANCHOR = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
_WALL_AT_ANCHOR_NS = int(_ANCHOR.timestamp()) * 1_000_000_000
_IDENTITY = "5f0c1a52-7a08-4d3c-9a58-0d3f6a1c9b11"
_SESSION = Session(
    pid=4242, backend_start="2026-11-21 12:00:01.02+00", state="idle", query="COMMIT"
)

_VICTIM = WorkerTarget(slot=0, incarnation=0, pid=4201)


def at(seconds: float) -> int:
    """The instant so long after the examples' anchor, monotonic ns."""
    return _MONOTONIC_AT_ANCHOR_NS + round(seconds * 1_000_000_000)


def line_of(record: HistoryRecord) -> str:
    """A whole line of the history, without its newline."""
    moment = _ANCHOR + timedelta(microseconds=(record.t_ns - _MONOTONIC_AT_ANCHOR_NS) // 1000)
    line = {
        "run_id": RUN_ID,
        "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "kind": KIND_OF[type(record)],
        "fields": record,
    }
    return msgspec.json.encode(line).decode()


_RECORDS: list[HistoryRecord] = [
    RunStart(
        t_ns=at(0.1),
        history_version=HISTORY_VERSION,
        scenario_name="crash_recovery_short",
        library="pgqueuer",
        preset="tuned",
        ordinal=1,
        seed=1,
        scenario=Scenario(
            name="crash_recovery_short",
            description="crash_recovery in short.",
            seed=1,
            workload=WorkloadSettings(duration_s=20.0, rate_per_s=30.0, mix={"entity_enrich": 1.0}),
            workers=WorkerSettings(concurrency=20),
            faults=(Kill(at_s=8.0, respawn_after_s=3.0),),
        ),
        scenario_sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        settings={"heartbeat_timeout_s": 3.0, "dequeue_timeout_s": 0.5},
        library_version="1.6.0",
        rescue=Rescue("stale heartbeat, seen inside dequeue", 3.0, 0.0, 0.5),
        acknowledges_in_transaction=False,
        periods_s={"heartbeat": 1.5, "poll": 0.5},
        environment={"kernel": "6.1.0"},
        cell_hash="4c1b2f0e5d7a",
    ),
    RunEnd(
        t_ns=at(29.5),
        ended="completed",
        drain="agreed",
        stream_jobs=600,
        held_jobs=0,
        started_ns=at(2.0),
        cut_ns=at(22.0),
        max_lateness_us=812,
        bytes_written=512_044,
    ),
    JobEnqueued(
        t_ns=at(9.4831),
        job_id="j000224",
        outcome="accepted",
        kind="entity_enrich",
        job_class="medium",
        length_us=412_000,
        intended_ns=at(9.4810),
        sent_ns=at(9.4811),
        acknowledged_ns=at(9.4831),
        tenant="t0007",
        inbox_id="225",
    ),
    JobStarted(
        t_ns=at(9.4852),
        n=453,
        slot=0,
        incarnation=0,
        job_id="j000224",
        execution=224,
        inbox_id="225",
        library_attempt=0,
    ),
    JobCompleted(
        t_ns=at(9.8991),
        n=460,
        slot=0,
        incarnation=0,
        job_id="j000224",
        execution=224,
        inbox_id="225",
    ),
    JobFailed(
        t_ns=at(5.2),
        n=180,
        slot=0,
        incarnation=0,
        job_id="j000090",
        execution=91,
        error_class="transient",
        message="PlannedError: planned failure: transient",
        inbox_id="91",
    ),
    JobDying(
        t_ns=at(5.15),
        n=179,
        slot=0,
        incarnation=0,
        job_id="j000088",
        execution=89,
        inbox_id="89",
    ),
    JobRetried(
        t_ns=at(5.2001),
        job_id="j000090",
        observed_by="executor",
        delay_s=1.0,
        n=181,
        slot=0,
        incarnation=0,
        execution=91,
        inbox_id="91",
    ),
    JobDiscarded(
        t_ns=at(6.1),
        job_id="j000101",
        observed_by="executor",
        n=233,
        slot=0,
        incarnation=0,
        execution=115,
        inbox_id="102",
    ),
    QueueSnapshot(t_ns=at(10.0), queued=2, claimed=3, retrying=0, dead=0, table_bytes=212_992),
    ResourceSample(
        t_ns=at(10.0),
        subject="children",
        rss_bytes=94_371_840,
        processes=1,
        open_executions=3,
        capacity=20,
    ),
    ChildSpawned(
        t_ns=at(13.0),
        slot=0,
        incarnation=1,
        pid=4310,
        role="worker",
        application_name=session_name(RUN_ID, 0, 1),
        after_fault=0,
    ),
    ChildReady(
        t_ns=at(1.6),
        n=0,
        slot=0,
        incarnation=0,
        pid=4201,
        identity=_IDENTITY,
        effective={"body_connections": 10, "library_connections": 1},
    ),
    ChildExited(
        t_ns=at(10.0031),
        slot=0,
        incarnation=0,
        pid=4201,
        reason="killed",
        signal=9,
        fault=0,
        events=472,
        max_rss_bytes=94_371_840,
    ),
    FaultInjected(
        t_ns=at(10.0002),
        fault=0,
        what="kill",
        target=_VICTIM,
        ends_process=True,
        trigger="timed",
        biased=False,
        intended_ns=at(10.0),
        parts=msgspec.to_builtins(SessionsBefore([_SESSION])),
    ),
    FaultEnded(
        t_ns=at(10.021),
        fault=0,
        what="kill",
        target=_VICTIM,
        parts=msgspec.to_builtins(
            ProcessEnd(
                reaped_ns=at(10.0031),
                signal=9,
                eof_ns=at(10.0032),
                sessions_gone_ns=at(10.0151),
                rows_read_ns=at(10.018),
            )
        ),
    ),
    RowRead(
        t_ns=at(10.018),
        read="kill",
        job_id="j000238",
        fault=0,
        inbox_id="239",
        state="claimed",
        claimed_by=_IDENTITY,
        claimable_ns=at(12.9),
        effects=[(0, 0, 238)],
    ),
    ClockAnchorRecord(t_ns=at(0.0), wall_ns=_WALL_AT_ANCHOR_NS, bracket_ns=180),
    EnqueueFailed(
        t_ns=at(11.2),
        job_id="j000270",
        outcome="indeterminate",
        intended_ns=at(11.0),
        sent_ns=at(11.0001),
        error="server closed the connection unexpectedly",
    ),
    Note(t_ns=at(2.0), code="phase", detail={"phase": "load"}),
]

EXAMPLES: dict[str, HistoryRecord] = {KIND_OF[type(record)]: record for record in _RECORDS}
"""By kind."""
