"""Evidence of an adapter that conforms, made by hand, for tests to spoil one thing in it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from analysis.summary.types import Summary
from orchestrator.commands.conformance.finding import TrialName
from orchestrator.commands.conformance.run_facts import RunFacts
from orchestrator.commands.conformance.single_worker import DirectEvidence, Look
from orchestrator.history.sessions import Session
from orchestrator.paths import SCENARIOS
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.workload import Workload
from worker_child.adapters.contract import (
    PARITY,
    Accepted,
    InboxRow,
    Preset,
    QueueCounts,
)
from worker_child.protocol import ChildReady, Rescue

Fields = dict[str, Any]
Lines = dict[str, list[Fields]]

PRESET = Preset(
    name="tuned",
    acknowledges_in_transaction=False,
    settings={"lease_s": 3.0},
    rescue=Rescue("its lease", 3.0, 0.0, 0.2),
    periods_s={"poll": 0.2},
    parity={**dict.fromkeys(PARITY, "so"), "rescue_counts_as_attempt": "no; it counts failures"},
)
NEVER_RESCUES = replace(PRESET, rescue=None)
_S = 1_000_000_000


def direct() -> DirectEvidence:
    """Two jobs, enqueued and then claimed by a worker that leaves with its parent."""
    ids = ["h000000", "h000001"]
    queued = [InboxRow(job_id, str(place), "queued") for place, job_id in enumerate(ids)]
    claimed = [replace(row, state="claimed", claimed_by="me") for row in queued]
    ready = ChildReady(0, 0, 0, 0, 4711, "me", {"body_connections": 1})
    return DirectEvidence(
        preset=PRESET,
        version="1.0",
        pool_size=1,
        job_ids=ids,
        results=[Accepted("0"), Accepted("1")],
        waiting=Look(QueueCounts(2, 0, 0, 0, 8192), queued, queued[:1], set(ids)),
        ready=ready,
        started=set(ids),
        claimed=Look(QueueCounts(0, 2, 0, 0, 8192), claimed, claimed, set(ids)),
        sessions=[Session(1, "then")],
        opened_ns=[-2, -1],
        left_after_kill_s=0.01,
        second_ready=True,
        eof_exit_code=71,
    )


class Script:
    """Writes the lines of a run's workers, numbered as they must be."""

    def __init__(self) -> None:
        self.lines: Lines = {}
        self._next_n: dict[tuple[int, int], int] = {}
        self._executions: dict[tuple[int, int], int] = {}

    def parent(self, kind: str, t_s: float, **fields: Any) -> None:
        """A line of the parent's own."""
        self.lines.setdefault(kind, []).append({"t_ns": round(t_s * _S), **fields})

    def child(self, kind: str, t_s: float, worker: tuple[int, int], **fields: Any) -> None:
        """A worker's line."""
        n = self._next_n.get(worker, 0)
        self._next_n[worker] = n + 1
        self.parent(kind, t_s, n=n, slot=worker[0], incarnation=worker[1], **fields)

    def start(self, job_id: str, t_s: float, worker: tuple[int, int] = (0, 0), **more: Any) -> int:
        """Enter a handler; returns the execution's number."""
        number = self._executions.get(worker, 0) + 1
        self._executions[worker] = number
        self.child("job_started", t_s, worker, job_id=job_id, execution=number, **more)
        return number

    def end(self, kind: str, job_id: str, t_s: float, worker: tuple[int, int], number: int) -> None:
        """Leave it: job_completed or job_failed."""
        error = {"error_class": "transient"} if kind == "job_failed" else {}
        self.child(kind, t_s, worker, job_id=job_id, execution=number, **error)


def crowded() -> RunFacts:
    """Two workers with all of their four places taken, stopped with one job left in the queue."""
    script = Script()
    ends: list[tuple[str, tuple[int, int], int]] = []
    for slot in (0, 1):
        worker = slot, 0
        script.child("child_ready", 0.5, worker, identity=f"me-{slot}")
        for place in range(4):
            job_id = f"j{slot * 4 + place:06d}"
            ends.append((job_id, worker, script.start(job_id, 1.0 + place / 100, worker)))
    script.parent("note", 2.0, code="phase", detail={"phase": "stop"})
    for job_id, worker, number in ends:
        script.end("job_completed", job_id, 2.1, worker, number)
        effects = [[*worker, number]]
        script.parent("row_read", 3.0, read="final", job_id=job_id, state="done", effects=effects)
    for number in range(9):
        script.parent("job_enqueued", 0.9, job_id=f"j{number:06d}", inbox_id=str(number))
    script.parent("row_read", 3.0, read="final", job_id="j000008", state="queued", inbox_id="8")
    for slot in (0, 1):
        script.parent("child_exited", 2.5, slot=slot, incarnation=0, reason="stopped", exit_code=0)
    verdicts = {f"j{number:06d}": "completed_once" for number in range(8)} | {"j000008": "pending"}
    return facts("crowded", script, verdicts)


def held() -> RunFacts:
    """Eight jobs held until the kill, and run again three seconds later."""
    script = Script()
    first, second = (0, 0), (0, 1)
    ids = [f"h{number:06d}" for number in range(8)]
    script.child("child_ready", 0.5, first, identity="me")
    effects: dict[str, list[list[int]]] = {job_id: [] for job_id in ids}
    for place, job_id in enumerate(ids):
        number = script.start(job_id, 1.0 + place / 10, first)
        if place >= 2:
            effects[job_id].append([*first, number])
        if place >= 4:
            script.end("job_completed", job_id, 1.05 + place / 10, first, number)
    victim = {"fault": 0, "target": {"kind": "worker", "slot": 0, "incarnation": 0}}
    script.parent("fault_injected", 2.0, **victim, parts={"sessions": [{"pid": 1}]})
    certificate = {"signal": 9, "eof_ns": 2 * _S, "sessions_gone_ns": 2 * _S}
    script.parent("fault_ended", 2.1, **victim, parts=certificate)
    script.parent("child_exited", 2.1, slot=0, incarnation=0, reason="killed", signal=9)
    script.child("child_ready", 3.0, second, identity="me-too")
    for place, job_id in enumerate(ids):
        number = script.start(job_id, 5.0 + place / 10, second)
        script.end("job_completed", job_id, 5.05 + place / 10, second, number)
        effects[job_id].append([*second, number])
        done = {"state": "done", "effects": effects[job_id]}
        script.parent("row_read", 7.0, read="final", job_id=job_id, **done)
    script.parent("child_exited", 6.0, slot=0, incarnation=1, reason="stopped", exit_code=0)
    verdicts = {
        job_id: "completed_once" if place < 2 else "duplicated" for place, job_id in enumerate(ids)
    }
    return facts("held", script, verdicts)


def repeated() -> RunFacts:
    """Four workers killed one after another, each with a job that another runs 2.5 s later."""
    script = Script()
    for slot in range(4):
        script.child("child_ready", 0.5, (slot, 0), identity=f"me-{slot}")
    for slot in range(4):
        job_id, killed_s = f"j{slot:06d}", 3.0 + slot
        script.start(job_id, killed_s - 0.2, (slot, 0), library_attempt=0)
        victim = {"fault": slot, "target": {"kind": "worker", "slot": slot, "incarnation": 0}}
        script.parent("fault_injected", killed_s, **victim, parts={"sessions": [{"pid": 1}]})
        script.parent("child_exited", killed_s, slot=slot, incarnation=0, reason="killed", signal=9)
        script.child("child_ready", killed_s + 1.0, (slot, 1), identity=f"me-too-{slot}")
        number = script.start(job_id, killed_s + 2.5, (slot, 1), library_attempt=0)
        script.end("job_completed", job_id, killed_s + 3.3, (slot, 1), number)
    return facts("repeated", script, {f"j{slot:06d}": "completed_once" for slot in range(4)})


def failing() -> RunFacts:
    """Every job of the scenario, failed and retried as planned."""
    script = Script()
    worker = 0, 0
    script.child("child_ready", 0.5, worker, identity="me")
    verdicts = {}
    scenario = load_scenario(str(SCENARIOS / "conformance" / "conformance_failing.toml"))
    for job in Workload(scenario).jobs():
        job_id, effects = job.plan.job_id, []
        for attempt, error_class in enumerate(job.plan.fail[:3]):
            number = script.start(job_id, 1.0, worker, library_attempt=attempt)
            script.end("job_failed", job_id, 1.1, worker, number)
            script.lines["job_failed"][-1]["error_class"] = error_class
            about = {"job_id": job_id, "execution": number, "delay_s": 0.0}
            script.child("job_retried", 1.1, worker, **about)
        given_up = len(job.plan.fail) >= 3 or "permanent" in job.plan.fail
        if given_up:
            told = script.lines["job_retried"].pop()
            script.lines.setdefault("job_discarded", []).append(told)
        else:
            failures = len(job.plan.fail)
            number = script.start(job_id, 1.2, worker, library_attempt=failures)
            script.end("job_completed", job_id, 1.3, worker, number)
            effects = [[*worker, number]]
        row = {"state": "dead" if given_up else "done", "effects": effects}
        script.parent("row_read", 3.0, read="final", job_id=job_id, **row)
        verdicts[job_id] = "discarded" if given_up else "completed_once"
    # Each line was stamped as if it were the only one; what counts is their order.
    for lines in script.lines.values():
        for fields in lines:
            if "n" in fields:
                fields["t_ns"] = _S + fields["n"]
    script.parent("child_exited", 2.5, slot=0, incarnation=0, reason="stopped", exit_code=0)
    return facts("failing", script, verdicts)


def cached() -> RunFacts:
    """Three callers ask for an address at once, and once more when it is long known."""
    script = Script()
    worker = (0, 0)
    script.child("child_ready", 0.5, worker, identity="me")
    number = script.start("j000000", 1.1, worker)
    script.end("job_completed", "j000000", 2.1, worker, number)
    outcomes = ["miss", "joined", "joined", "hit", "hit", "hit"]
    for place, outcome in enumerate(outcomes):
        asked_s = 1.0 if place < 3 else 6.0
        detail = {
            "job_id": f"j{place:06d}",
            "address": "a000000",
            "asked_ns": round(asked_s * _S),
            "outcome": outcome,
            "expected_sha256": "whole",
            "expected_bytes": 8,
            "sha256": "whole",
            "bytes": 8,
        }
        answered_s = 2.2 if place < 3 else 6.01
        script.parent("note", answered_s, code="cache_answered", detail=detail)
    script.parent("child_exited", 8.0, slot=0, incarnation=0, reason="stopped", exit_code=0)
    return facts("cached", script, {"j000000": "completed_once"})


def facts(trial: TrialName, script: Script, verdicts: dict[str, str]) -> RunFacts:
    """What a run's history and its judgement come to."""
    path = SCENARIOS / "conformance" / f"conformance_{trial}.toml"
    summary = SimpleNamespace(
        verdict="pass", reasons=[], jobs=SimpleNamespace(enqueued=len(verdicts))
    )
    return RunFacts(
        scenario=load_scenario(str(path)),
        preset=PRESET,
        lines=script.lines,
        complaint=None,
        summary=cast(Summary, summary),
        jobs=[
            {"job_id": job_id, "verdict": verdict, "reason": None}
            for job_id, verdict in verdicts.items()
        ],
    )


def runs() -> dict[TrialName, RunFacts]:
    """All five."""
    return {
        "held": held(),
        "repeated": repeated(),
        "crowded": crowded(),
        "failing": failing(),
        "cached": cached(),
    }
