"""Judges the trial ``held``: what a SIGKILL found at each point of a job's life, and left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from orchestrator.commands.conformance.finding import (
    Check,
    NotCheckedError,
    TrialName,
    UnofferedError,
)
from orchestrator.commands.conformance.run_facts import Fields, RunFacts, worker_of
from worker_child.adapters.contract import Preset
from worker_child.protocol import HoldPoint

_HELD: tuple[TrialName, ...] = ("held",)
_NS_PER_S = 1_000_000_000


def nobody_left(run: RunFacts) -> Iterator[str]:
    """Neither a process nor the pipe outlives a SIGKILL to the process group."""
    for end in _ends(run):
        if survivors := end.get("survivors"):
            yield f"what it had started outlived it: {_counted(survivors, 'process', 'processes')}"
        if end.get("eof_ns") is None:
            yield "somebody still held its event pipe"
        if end.get("signal") != 9:
            yield f"it did not end by the SIGKILL: exit code {end.get('exit_code')}"


def sessions_gone(run: RunFacts) -> Iterator[str]:
    """Its sessions could be told by their name, and ended with it."""
    for fault in run.of("fault_injected"):
        before = fault["parts"]
        if not before["sessions"]:
            yield "no session of the victim bore its name"
        if unknown := before.get("unknown_sessions"):
            yield f"without a name of the run: {_counted(unknown, 'session', 'sessions')}"
    for end in _ends(run):
        if end.get("sessions_gone_ns") is None:
            left = end.get("sessions_left", [])
            yield f"what it had opened outlived it: {_counted(left, 'session', 'sessions')}"


def survives_kill_at(point: HoldPoint) -> Callable[[RunFacts], Iterator[str]]:
    """A check of the jobs that were held at `point`: what may have become of them."""

    def faults(run: RunFacts) -> Iterator[str]:
        run.need_ledger()
        jobs = {job["job_id"]: job for job in run.jobs}
        for job_id in held_at(run, point):
            verdict, reason = jobs[job_id]["verdict"], jobs[job_id]["reason"]
            if reason == "bound_not_reached":
                raise NotCheckedError(beyond(run))
            if reason == "no_worker":
                raise NotCheckedError(f"no worker lived long enough to rescue {job_id}")
            if verdict not in allowed(point, run.preset):
                text = f"{verdict} ({reason})" if reason else verdict
                yield f"{job_id} is {text}, not {' or '.join(allowed(point, run.preset))}"
            elif verdict == "stranded":
                raise UnofferedError("this preset never rescues, and left them stranded")

    return faults


def allowed(point: HoldPoint, preset: Preset) -> tuple[str, ...]:
    """The verdicts that a job may have which was held at `point`."""
    if point == "started":
        return ("completed_once",) if preset.rescue else ("stranded",)
    return ("completed_once", "duplicated")


def held_at(run: RunFacts, point: HoldPoint) -> list[str]:
    """The ids of the jobs that the scenario holds at `point`."""
    groups = [group.point for group in run.scenario.workload.held for _ in range(group.count)]
    return [f"h{number:06d}" for number, held in enumerate(groups) if held == point]


def rescued_in_time(run: RunFacts) -> Iterator[str]:
    """The first orphan comes back within the bound that the preset states, and its margin; where
    it states that nothing is rescued, none does."""
    run.need_end()
    (fault,) = run.of("fault_injected")
    picked_up_s = _first_pickup_s(run, fault)
    if run.preset.rescue is None:
        if picked_up_s is None:
            raise UnofferedError("this preset never rescues")
        yield f"an orphan was run again after {picked_up_s:.1f} s; the preset says that none is"
        return
    bound_s = run.preset.rescue.bound_s(_outage_s(run, fault))
    limit_s = bound_s + run.scenario.limits.backlog_margin_s
    if picked_up_s is None:
        if bound_s > run.scenario.limits.max_bound_s:
            raise NotCheckedError(beyond(run))
        yield f"no orphan came back; the preset says within {limit_s:.1f} s, margin included"
    elif picked_up_s > limit_s:
        yield f"the first orphan came back after {picked_up_s:.1f} s, the bound is {limit_s:.1f} s"


def _outage_s(run: RunFacts, fault: Fields) -> float:
    ready_ns = [
        ready["t_ns"] for ready in run.of("child_ready") if worker_of(ready) != worker_of(fault)
    ]
    return float(min(ready_ns) - fault["t_ns"]) / _NS_PER_S


def _first_pickup_s(run: RunFacts, fault: Fields) -> float | None:
    held = {job for point in _PROMISES for job in held_at(run, point)}
    again = [
        started["t_ns"]
        for started in run.of("job_started")
        if started["job_id"] in held and worker_of(started) != worker_of(fault)
    ]
    return (min(again) - fault["t_ns"]) / _NS_PER_S if again else None


def _ends(run: RunFacts) -> list[Fields]:
    """What was seen of each victim's end."""
    if not (ends := run.of("fault_ended")):
        raise NotCheckedError("the run did not come to its kill")
    return [end["parts"] for end in ends]


def _counted(things: Sequence[Any], one: str, several: str) -> str:
    return f"{len(things)} {one if len(things) == 1 else several}"


def beyond(run: RunFacts) -> str:
    """Why a rescue cannot be waited for."""
    assert run.preset.rescue is not None
    bound_s, limit_s = run.preset.rescue.bound_s(0.0), run.scenario.limits.max_bound_s
    return f"the preset rescues after up to {bound_s:g} s, and a run waits for {limit_s:g} s"


_PROMISES: dict[HoldPoint, str] = {
    "started": "has a job killed in its work run again",
    "effect": "loses no job killed after its effect",
    "completed": "loses no job killed after its completion",
    "return": "loses no job killed before it is acknowledged",
}

KILLS: tuple[Check[RunFacts], ...] = (
    Check("nobody left", "leaves no process behind when it is killed", _HELD, nobody_left),
    Check("sessions gone", "leaves no session behind when it is killed", _HELD, sessions_gone),
    *(
        Check(f"killed at {point}", phrase, _HELD, survives_kill_at(point))
        for point, phrase in _PROMISES.items()
    ),
    Check("rescue", "rescues within the bound that it states", _HELD, rescued_in_time),
)
