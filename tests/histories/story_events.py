"""What workers, jobs and their rows do, said in a line of code each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.histories.story_lines import MILLISECOND_NS, ORIGIN_NS, Fields, StoryLines

RESCUE = {"mechanism": "lease", "lease_s": 3.0, "interval_s": 1.0, "poll_s": 0.5}


@dataclass
class Worker:
    """One incarnation; numbers its own events and executions."""

    story: StoryEvents
    slot: int
    incarnation: int
    pid: int = 100
    n: int = 0
    executions: int = 0
    last: dict[str, int] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        return f"worker-{self.slot}-{self.incarnation}"

    def emit(self, kind: str, /, **fields: Any) -> Fields:
        who = {"n": self.n, "slot": self.slot, "incarnation": self.incarnation}
        self.n += 1
        return self.story.record(kind, **who, **fields)

    def start(self, job_id: str, inbox_id: str | None = None) -> int:
        self.executions += 1
        self.last[job_id] = self.executions
        row = inbox_id or f"row-{job_id}"
        self.emit("job_started", job_id=job_id, execution=self.executions, inbox_id=row)
        return self.executions

    def effect(self, job_id: str, execution: int | None = None) -> None:
        """Of the last execution, as everywhere where none is named."""
        number = execution or self.last[job_id]
        self.story.effects[job_id].append([self.slot, self.incarnation, number])

    def complete(self, job_id: str, execution: int | None = None, *, effect: bool = True) -> None:
        if effect and self.story.with_effects:
            self.effect(job_id, execution)
        self.emit("job_completed", job_id=job_id, execution=execution or self.last[job_id])

    def run(self, job_id: str) -> None:
        self.start(job_id)
        self.complete(job_id)

    def fail(
        self, job_id: str, execution: int | None = None, error_class: str = "transient"
    ) -> None:
        number = execution or self.last[job_id]
        self.story.inject(error_class)
        self.emit("job_failed", job_id=job_id, execution=number, error_class=error_class)

    def retry(self, job_id: str, delay_s: float | None = None) -> None:
        """The library takes the failed job back."""
        execution = self.last[job_id]
        told = {} if delay_s is None else {"delay_s": delay_s}
        self.emit("job_retried", job_id=job_id, execution=execution, observed_by="hook", **told)

    def announce(self, job_id: str, execution: int | None = None) -> Fields:
        """The job says that it kills its worker."""
        number = execution or self.last[job_id]
        return self.emit("job_dying", job_id=job_id, execution=number)

    def tell(self, kind: str, job_id: str, execution: int | None = None) -> None:
        """The library says what it made of an execution."""
        number = execution or self.last[job_id]
        self.emit(kind, job_id=job_id, execution=number, observed_by="executor")


class StoryEvents(StoryLines):
    """A history in which everything happens but faults."""

    def __init__(
        self,
        *,
        effects: bool = True,
        rescue: Mapping[str, Any] | None = RESCUE,
        expectations: Mapping[str, Any] | None = None,
        acknowledges_in_transaction: bool = False,
        workload: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.with_effects = effects
        self.effects: defaultdict[str, list[list[int]]] = defaultdict(list)
        self.planned: set[str] = set()
        scenario = {
            "name": "planted",
            "description": "Planted, line by line.",
            "seed": 1,
            "effects": effects,
            "workers": {"slots": 1, "concurrency": 4, "max_attempts": 5},
            "workload": {
                "duration_s": 60.0,
                "rate_per_s": 1.0,
                "mix": {"entity_update": 1.0},
                "warmup_s": 0.0,
                "time_scale": 1.0,
                **(workload or {}),
            },
            "faults": [],
            "limits": {"backlog_margin_s": 1.0, "max_bound_s": 60.0},
            "expectations": dict(expectations or {}),
        }
        self.record(
            "run_start",
            history_version=3,
            scenario_name="planted",
            library="nothing",
            preset="stock",
            ordinal=1,
            seed=1,
            scenario=scenario,
            scenario_sha256="0" * 64,
            settings={},
            library_version="0",
            rescue=None if rescue is None else dict(rescue),
            acknowledges_in_transaction=acknowledges_in_transaction,
            periods_s={},
            environment={},
            cell_hash="0" * 64,
        )["t_ns"] = ORIGIN_NS - MILLISECOND_NS

    def inject(self, error_class: str) -> None:
        """The scenario has jobs fail like that, unless it is what no plan has."""
        errors = self.first("run_start")["scenario"]["workload"].setdefault("errors", [])
        if error_class not in ("unplanned", *(entry["error_class"] for entry in errors)):
            errors.append({"share": 1.0, "error_class": error_class})

    def worker(self, slot: int = 0, *, ready: bool = True) -> Worker:
        before = [f for kind, f in self.records if kind == "child_spawned" and f["slot"] == slot]
        worker = Worker(self, slot, len(before), pid=100 + len(before))
        faults = [
            f.get("fault")
            for kind, f in self.records
            if kind == "child_exited" and f["slot"] == slot
        ]
        self.record(
            "child_spawned",
            slot=slot,
            incarnation=worker.incarnation,
            pid=worker.pid,
            role="worker",
            application_name="",
            after_fault=faults[-1] if faults else None,
        )
        if ready:
            worker.emit("child_ready", pid=worker.pid, identity=worker.identity)
        return worker

    def enqueue(
        self,
        *job_ids: str,
        by: Worker | None = None,
        length_us: int = 5000,
        tenant: str | None = None,
        **changed: Any,
    ) -> None:
        for job_id in job_ids:
            self.planned.add(job_id)
            fields = {
                "job_id": job_id,
                "outcome": "accepted",
                "kind": "entity_update",
                "class": "short",
                "length_us": length_us,
                "intended_ns": self.now_ns,
                "sent_ns": self.now_ns + (0 if by else 1000),
                "acknowledged_ns": self.now_ns + 2000,
                "inbox_id": f"row-{job_id}",
                **({} if tenant is None else {"tenant": tenant}),
                **changed,
            }
            by.emit("job_enqueued", **fields) if by else self.record("job_enqueued", **fields)

    def snapshot(self, queued: int = 0, **counts: int) -> None:
        """The inbox by row state."""
        self.record(
            "queue_snapshot",
            **{"queued": queued, "claimed": 0, "retrying": 0, "dead": 0, **counts},
        )

    def sample(self, subject: str, **values: int) -> None:
        """One subject's memory, places or calls."""
        self.record("resource_sample", subject=subject, **values)

    def recover(self, job_id: str) -> None:
        """The parent's own line for a job whose enqueue nobody recorded."""
        self.planned.add(job_id)
        self.record(
            "job_enqueued",
            job_id=job_id,
            outcome="recovered",
            kind="entity_update",
            **{"class": "short"},
            length_us=5000,
            intended_ns=ORIGIN_NS,
        )

    def see(self, kind: str, job_id: str) -> None:
        """The parent sees in the rows that the library discarded or retried a job."""
        self.record(kind, job_id=job_id, observed_by="rows")

    def exit(self, worker: Worker, reason: str = "stopped", **fields: Any) -> Fields:
        return self.record(
            "child_exited",
            slot=worker.slot,
            incarnation=worker.incarnation,
            pid=worker.pid,
            reason=reason,
            events=worker.n,
            **({"exit_code": 0} if reason == "stopped" else {}),
            **fields,
        )

    def phase(self, name: str) -> Fields:
        """The run enters a phase."""
        return self.record("note", code="phase", detail={"phase": name})

    def row(self, job_id: str, state: str = "done", **fields: Any) -> Fields:
        effects = self.effects.pop(job_id, [])
        if state != "absent" and "inbox_id" not in fields:
            rows = [f for k, f in self.records if k == "row_read" and f.get("job_id") == job_id]
            before = sum(row["read"] == "final" for row in rows)
            fields["inbox_id"] = f"row-{job_id}" + (f"-{before}" if before else "")
        entry = self.record("row_read", read="final", job_id=job_id, state=state, **fields)
        if effects:
            entry["effects"] = effects
        return entry

    def end(self, rows: Mapping[str, str] | None = None, **fields: Any) -> None:
        """The final read, of every planned job that has no row yet, and the run's end.

        `rows` gives states other than done; ``none`` leaves the job without a line.
        """
        states = dict.fromkeys(sorted(self.planned), "done") | dict(rows or {})
        seen = {
            f.get("job_id") for k, f in self.records if k == "row_read" and f["read"] == "final"
        }
        for job_id, state in states.items():
            if state != "none" and job_id not in seen:
                self.row(job_id, state)
        read = [f for k, f in self.records if k == "row_read" and f["read"] == "final"]
        closing = self.record("row_read", read="final", lines=len(read))
        for row in read:
            row["t_ns"] = closing["t_ns"]
        self.record(
            "run_end",
            **{
                "ended": "completed",
                "drain": "agreed",
                "stream_jobs": sum("/" not in job and job[0] == "j" for job in self.planned),
                "held_jobs": sum("/" not in job and job[0] == "h" for job in self.planned),
                "started_ns": ORIGIN_NS,
                **fields,
            },
        )
