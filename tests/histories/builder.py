"""Writes histories by hand, readably: every call is a line, every line a millisecond later."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from orchestrator.scenario.poison import poison_jobs
from orchestrator.scenario.types import Scenario
from tests.histories.story_events import RESCUE, StoryEvents, Worker
from tests.histories.story_lines import (
    MILLISECOND_NS,
    ORIGIN_NS,
    RUN_ID,
    Fields,
    scenario_digest,
    text_of,
)

__all__ = [
    "MILLISECOND_NS",
    "ORIGIN_NS",
    "RESCUE",
    "RUN_ID",
    "Fields",
    "Story",
    "Worker",
    "scenario_digest",
    "text_of",
]


class Story(StoryEvents):
    """A history in the making, with faults. `records` may be changed before it is written."""

    faults = 0
    """So many have been injected so far."""

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
        self.first("child_exited", fault=fault)["t_ns"] = t + 1000
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

    def kill_leader(self, worker: Worker, *, survivors_for_s: float = 5.0) -> int:
        """Its first process is killed alone; returns the fault's number. `end_of_the_rest` brings
        the end of what lives on. Its next worker comes at once."""
        fault = self.faults
        self.faults += 1
        at_s = (self.now_ns - ORIGIN_NS) / 1e9
        entry = {"what": "kill_leader_only", "slot": worker.slot, "at_s": at_s}
        self.first("run_start")["scenario"]["faults"].append(
            {**entry, "survivors_for_s": survivors_for_s}
        )
        target = {"slot": worker.slot, "incarnation": worker.incarnation, "pid": worker.pid}
        self.record(
            "fault_injected",
            fault=fault,
            what="kill_leader_only",
            target={"kind": "worker", **target},
            ends_process=True,
            trigger="timed",
            biased=False,
            intended_ns=self.now_ns,
            parts={"sessions": [{"pid": 7, "backend_start": "then"}]},
        )
        return fault

    def end_of_the_rest(
        self, worker: Worker, fault: int, held: Iterable[str] = (), *, killed: bool = True
    ) -> None:
        """What lived on of it is killed, or has ended by itself; its rows are read."""
        sent = self.first("fault_injected", fault=fault)
        reaped_ns, over_ns = sent["t_ns"] + MILLISECOND_NS // 2, self.now_ns
        self.exit(worker, "killed", signal=9, fault=fault)["t_ns"] = reaped_ns
        rows, read_ns = list(held), self.now_ns + 2 * MILLISECOND_NS
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
        seen = {"reaped_ns": reaped_ns, "signal": 9, "eof_ns": read_ns, "sessions_gone_ns": read_ns}
        seen |= {"rows_read_ns": read_ns, "lived_on": [worker.pid + 1000]}
        seen |= {"still_ns": over_ns - 1, "alone_ns": over_ns + 1}
        self.record(
            "fault_ended",
            fault=fault,
            what="kill_leader_only",
            target=sent["target"],
            parts={**seen, "killed_ns": over_ns} if killed else seen,
            raced=True,
        )

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
