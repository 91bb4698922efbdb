"""Writes histories by hand, readably: every call is a line, every line a millisecond later."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from orchestrator.scenario.poison import poison_jobs
from orchestrator.scenario.types import Scenario
from worker_child.protocol import session_name

RUN_ID = "planted-nothing-stock-001"
RESCUE = {"mechanism": "lease", "lease_s": 3.0, "interval_s": 1.0, "poll_s": 0.5}
MILLISECOND_NS = 1_000_000
ORIGIN_NS = 1_000_000_000_000

Fields = dict[str, Any]


def scenario_digest(scenario: Fields) -> str:
    """Of a scenario's keys as they stand, as whoever records a run reckons it."""
    return hashlib.sha256(msgspec.json.encode(scenario, order="sorted")).hexdigest()


def text_of(run_id: str, kind: str, fields: Fields) -> str:
    """A line without its end."""
    stamp = "2026-01-01T00:00:00.000000Z"
    return json.dumps(
        {"run_id": run_id, "timestamp": stamp, "kind": kind, "fields": fields},
        separators=(",", ":"),
    )


@dataclass
class Worker:
    """One incarnation; numbers its own events and executions."""

    story: Story
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


class Story:
    """A history in the making. `records` may be changed before it is written."""

    def __init__(
        self,
        *,
        effects: bool = True,
        rescue: Mapping[str, Any] | None = RESCUE,
        expectations: Mapping[str, Any] | None = None,
        acknowledges_in_transaction: bool = False,
        workload: Mapping[str, Any] | None = None,
    ) -> None:
        self.now_ns = ORIGIN_NS
        self.with_effects = effects
        self.records: list[tuple[str, Fields]] = []
        self.effects: defaultdict[str, list[list[int]]] = defaultdict(list)
        self.planned: set[str] = set()
        self.faults = 0
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

    def record(self, kind: str, /, **fields: Any) -> Fields:
        self.now_ns += MILLISECOND_NS
        entry = {"t_ns": self.now_ns, **fields}
        self.records.append((kind, entry))
        return entry

    def wait(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)

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
        length_us: int = 1000,
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
                "sent_ns": self.now_ns + 1000,
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
            length_us=1000,
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

    def kill(
        self, worker: Worker, held: Iterable[str] = (), *, raced: bool = False, read: bool = True
    ) -> None:
        """SIGKILL with a complete certificate; `held` = jobs whose rows the victim held."""
        target = {"slot": worker.slot, "incarnation": worker.incarnation, "pid": worker.pid}
        what = {"what": "kill", "target": {"kind": "worker", **target}}
        fault = self.faults
        self.faults += 1
        at_s = (self.now_ns - ORIGIN_NS) / 1e9
        planned = {"what": "kill", "slot": worker.slot, "at_s": at_s}
        self.first("run_start")["scenario"]["faults"].append(planned)
        sent = self.record(
            "fault_injected",
            fault=fault,
            **what,
            ends_process=True,
            trigger="timed",
            biased=False,
            intended_ns=self.now_ns,
            parts={"sessions": [{"pid": 7, "backend_start": "then"}]},
        )
        self.exit(worker, "killed", signal=9, fault=fault)
        self._closed(sent, what, worker, held if read else None, raced=raced)

    def _closed(
        self,
        sent: Fields,
        what: Fields,
        worker: Worker,
        held: Iterable[str] | None,
        *,
        raced: bool,
    ) -> None:
        """A complete certificate of a worker's end, and the rows that it held, where they are
        read."""
        fault = sent["fault"]
        t = sent["t_ns"]
        self.record(
            "fault_ended",
            fault=fault,
            **what,
            parts={
                "reaped_ns": t + 1000,
                "signal": 9,
                "eof_ns": t + 2000,
                "sessions_gone_ns": t + 3000,
                "rows_read_ns": t + 4000,
            },
            raced=raced,
        )
        if held is None:
            return
        rows = list(held)
        for job_id in rows:
            self.record(
                "row_read",
                read="kill",
                fault=fault,
                job_id=job_id,
                state="claimed",
                claimed_by=worker.identity,
                claimable_ns=t + 3_000_000_000,
                effects=list(self.effects[job_id]),
            )["t_ns"] = t + 4000
        self.record("row_read", read="kill", fault=fault, lines=len(rows))["t_ns"] = t + 4000

    def poisoned(self, job_id: str, deaths: int) -> None:
        """The scenario has one job that kills its worker: this one, of a stream of which each id
        has a job; and it allows so many deaths."""
        start = self.first("run_start")["scenario"]
        entry = {"what": "poison", "jobs": 1, "deaths": deaths, "respawn_after_s": 0.01}
        start["faults"] = [entry]
        start["workload"].update(duration_s=8.0, rate_per_s=1.0)
        scenario = msgspec.convert({**start, "name": "planted"}, Scenario)
        start["seed"] = next(
            seed
            for seed in range(1, 1000)
            if poison_jobs(msgspec.structs.replace(scenario, seed=seed)) == {job_id}
        )
        self.first("run_start")["seed"] = start["seed"]

    def die(self, worker: Worker, job_id: str, *, held: Iterable[str] = ()) -> Worker:
        """A job of a worker announces its death, which comes; its slot is filled again."""
        said = worker.announce(job_id)
        target = {"slot": worker.slot, "incarnation": worker.incarnation, "pid": worker.pid}
        what = {"what": "poison", "target": {"kind": "worker", **target}}
        fault = self.faults
        self.faults += 1
        sent = self.record(
            "fault_injected",
            fault=fault,
            **what,
            ends_process=True,
            trigger="state",
            biased=True,
            intended_ns=said["t_ns"],
            parts={
                "sessions": [{"pid": 7, "backend_start": "then"}],
                "job_id": job_id,
                "execution": said["execution"],
                "announced_ns": said["t_ns"],
            },
        )
        self.exit(worker, "killed", signal=9, fault=fault)
        self._closed(sent, what, worker, held, raced=False)
        self.wait(0.01)
        return self.worker(worker.slot)

    def phase(self, name: str) -> Fields:
        """The run enters a phase."""
        return self.record("note", code="phase", detail={"phase": name})

    def stall(self, worker: Worker, seconds: float, *, ends: bool = True) -> None:
        """Its connections stand still so long, and then, unless it never `ends`, flow again."""
        target = {"slot": worker.slot, "incarnation": worker.incarnation, "pid": worker.pid}
        what = {"what": "stall", "target": {"kind": "worker", **target}}
        fault = self.faults
        self.faults += 1
        entry = {"what": "stall", "slot": worker.slot, "stall_s": seconds, "rescuer_slot": 1}
        point = {"statement": "SELECT 1", "side": "before"}
        self.first("run_start")["scenario"]["faults"].append({**entry, "at_point": point})
        seen = {"statement": "SELECT 1", "sql": "SELECT 1", "phase": "idle", "side": "before"}
        sent = self.record(
            "fault_injected",
            fault=fault,
            **what,
            ends_process=False,
            trigger="point",
            biased=True,
            intended_ns=self.now_ns,
            parts={"sessions": [{"pid": 7, "backend_start": "then"}], "at_point": seen},
        )
        self.wait(seconds)
        if not ends:
            return
        freeze = {"frozen_ns": sent["t_ns"], "looked_ns": self.now_ns, "passed_bytes": 0}
        self.record(
            "fault_ended",
            fault=fault,
            **what,
            parts={
                "freeze": {**freeze, "backend_pids": [7]},
                "released_ns": self.now_ns,
                "lived": True,
            },
            healed_ns=self.now_ns,
        )

    def tell_to_stop(self, worker: Worker, *, grace_s: float = 5.0) -> int:
        """A deploy tells it to stop; returns the fault's number. `depart` brings its end."""
        target = {"slot": worker.slot, "incarnation": worker.incarnation, "pid": worker.pid}
        what = {"what": "deploy", "target": {"kind": "worker", **target}}
        fault = self.faults
        self.faults += 1
        at_s = (self.now_ns - ORIGIN_NS) / 1e9
        entry = {"what": "deploy", "slots": [worker.slot], "at_s": at_s, "grace_s": grace_s}
        self.first("run_start")["scenario"]["faults"].append(entry)
        self.record(
            "fault_injected",
            fault=fault,
            **what,
            ends_process=False,
            trigger="timed",
            biased=False,
            intended_ns=self.now_ns,
            parts={"sessions": [{"pid": 7, "backend_start": "then"}]},
        )
        return fault

    def depart(
        self,
        worker: Worker,
        fault: int,
        held: Iterable[str] = (),
        *,
        killed: bool = False,
        exit_code: int = 0,
    ) -> Worker:
        """It leaves, by itself or killed; its rows are read, and its slot is filled again."""
        sent = self.first("fault_injected", fault=fault)
        told_ns = sent["t_ns"]
        killed_ns = self.now_ns if killed else None
        if killed:
            how: Fields = {"signal": 9}
            gone = self.exit(worker, "killed", **how, fault=fault)
        elif exit_code:
            how = {"exit_code": exit_code}
            gone = self.exit(worker, "died", **how, fault=fault)
        else:
            how = {"exit_code": 0}
            gone = self.exit(worker, fault=fault)
        rows = list(held)
        read_ns = self.now_ns + 2 * MILLISECOND_NS
        for job_id in rows:
            self.record(
                "row_read",
                read="kill",
                fault=fault,
                job_id=job_id,
                state="claimed",
                claimed_by=worker.identity,
                effects=list(self.effects[job_id]),
            )["t_ns"] = read_ns
        self.record("row_read", read="kill", fault=fault, lines=len(rows))["t_ns"] = read_ns
        self.wait(0.01)
        successor = self.worker(worker.slot)
        seen = {"reaped_ns": gone["t_ns"], "eof_ns": gone["t_ns"], "sessions_gone_ns": read_ns}
        seen |= {"rows_read_ns": read_ns, "told_ns": told_ns, **how}
        self.record(
            "fault_ended",
            fault=fault,
            what="deploy",
            target=sent["target"],
            parts=seen if killed_ns is None else {**seen, "killed_ns": killed_ns},
            raced=True,
            healed_ns=self.now_ns,
        )
        return successor

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
        lines = sum(k == "row_read" and f["read"] == "final" for k, f in self.records)
        self.record("row_read", read="final", lines=lines)
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

    def first(self, kind: str, **wanted: Any) -> Fields:
        """The first record of a kind with these values, to be changed."""
        return next(
            fields
            for name, fields in self.records
            if name == kind and all(fields.get(key) == value for key, value in wanted.items())
        )

    def drop(self, kind: str, **wanted: Any) -> None:
        """Take the first such record out."""
        fields = self.first(kind, **wanted)
        self.records = [record for record in self.records if record[1] is not fields]

    @property
    def run_id(self) -> str:
        """As the run's name is made of what run_start says; no name leads out of its folder."""
        start = self.first("run_start")
        return re.sub(
            r"[^\w.-]", "_", "{scenario_name}-{library}-{preset}-{ordinal:03d}".format(**start)
        )

    def lines(self) -> list[str]:
        """Every line, its run's name and its sessions', digest and count of bytes made true."""
        start = self.first("run_start")
        name = re.sub(r"[^a-z0-9_]", "_", start["scenario_name"])[:60]
        start["scenario"].update(name=name, seed=start["seed"])
        start["scenario_sha256"] = scenario_digest(start["scenario"])
        for kind, fields in self.records:
            if kind == "child_spawned":
                who = fields["slot"], fields["incarnation"]
                fields["application_name"] = session_name(self.run_id, *who)
        texts = [text_of(self.run_id, kind, fields) for kind, fields in self.records]
        for place, (kind, fields) in enumerate(self.records):
            if kind == "run_end":
                others = [*texts[:place], *texts[place + 1 :]]
                fields["bytes_written"] = sum(len(text.encode()) + 1 for text in others)
                texts[place] = text_of(self.run_id, kind, fields)
        return texts

    def write(self, folder: Path, name: str = RUN_ID) -> Path:
        path = folder / f"{name}.jsonl"
        path.write_text("".join(f"{line}\n" for line in self.lines()))
        return path
