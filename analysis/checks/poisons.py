"""Jobs that kill their worker: each whose plan says so announces it and dies, and nobody else does.

What is drawn is drawn again: which jobs are poison rests on the scenario alone.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from analysis.checks.completeness import worker_name
from analysis.checks.instants import PATIENCE_NS
from analysis.checks.naming import jobs_named
from analysis.evidence.incarnations import stop_asked_ns
from analysis.faults_named import nth
from analysis.history.columns import EXECUTION_BITS, Ints, pack_one, worker_key
from analysis.history.history import History
from orchestrator.history.records import ChildExited, FaultInjected
from orchestrator.history.targets import WorkerTarget
from orchestrator.history.worker_faults import PoisonBefore
from orchestrator.scenario.poison import poison_jobs, poisons
from orchestrator.scenario.worker_faults import Poison as PoisonEntry
from worker_child.protocol import JobDying


def announced_keys(history: History) -> Ints:
    """The keys of the executions that announced that they kill their worker."""
    lines = history.records.of(JobDying)
    return np.array([pack_one(d.slot, d.incarnation, d.execution) for d in lines], np.int64)


def _deaths(history: History) -> list[tuple[FaultInjected, PoisonBefore]]:
    sent = history.records.of(FaultInjected)
    return [(one, before) for one in sent if isinstance(before := one.before, PoisonBefore)]


def _announced_by_plan(history: History) -> Iterator[str]:
    """Who announces a death is poison, and had been started as the very execution that it names."""
    planned = poison_jobs(history.start.scenario)
    starts = history.starts
    for line in history.records.of(JobDying):
        if line.job_id not in planned:
            yield f"{line.job_id} announced that it kills its worker; its plan does not say so."
        key = pack_one(line.slot, line.incarnation, line.execution)
        mine = (starts.key == key) & (starts.job == history.jobs.number(line.job_id))
        if not mine.any() or int(starts.t_ns[mine].min()) > line.t_ns:
            yield f"{line.job_id} announced its worker's death and had not been started by then."


def _never_ended(history: History) -> Iterator[str]:
    """No execution of a poison job comes to an end of its own, or has an effect."""
    poison = _numbers(history)
    for table, how in ((history.completions, "completed"), (history.failures, "failed")):
        ended = table.job[np.isin(table.job, poison)]
        if ended.size:
            yield f"Jobs that kill their worker {how}: {jobs_named(history, np.unique(ended))}."
    begun = np.isin(history.starts.job, poison)
    with_effect = begun & np.isin(history.starts.key, history.effects.key)
    if with_effect.any():
        jobs = np.unique(history.starts.job[with_effect])
        yield f"Jobs that kill their worker had an effect: {jobs_named(history, jobs)}."


def _none_went_on(history: History) -> Iterator[str]:
    """A worker with an open execution of a poison job dies by one, or is told to stop while it
    waits for the word, all planned deaths being used up."""
    begun = np.isin(history.starts.job, _numbers(history))
    keys = history.starts.key[begun]
    died = {worker_key(w.slot, w.incarnation) for one, _ in _deaths(history) for w in _hit(one)}
    used_up = len(_deaths(history)) >= sum(entry.deaths for entry in _entries(history))
    stop_ns = stop_asked_ns(history.records)
    announced = set(announced_keys(history).tolist())
    left = {worker_key(one.slot, one.incarnation): one for one in history.records.of(ChildExited)}
    for key in keys.tolist():
        worker = key >> EXECUTION_BITS
        end = left.get(worker)
        if worker in died or end is None:
            continue
        stopped = stop_ns is not None and end.t_ns >= stop_ns
        if not stopped or (key in announced and not used_up):
            name = worker_name(worker).capitalize()
            yield f"{name} ran a job that kills its worker, and did not die of it."


def _named_rightly(history: History) -> Iterator[str]:
    """Each death names an execution that had announced it, in the worker that died, and once."""
    lines = history.records.of(JobDying)
    said = {(d.slot, d.incarnation, d.execution): (d.job_id, d.t_ns) for d in lines}
    for sent, before in _deaths(history):
        for worker in _hit(sent):
            told = said.get((worker.slot, worker.incarnation, before.execution))
            if told != (before.job_id, before.announced_ns):
                yield f"Poison {nth(sent.fault)}: no job announced the death that it names."


def _in_time(history: History) -> Iterator[str]:
    """Who waits for the word is given it: meanwhile others may take its job, or its neighbours'."""
    for sent, before in _deaths(history):
        if sent.t_ns > before.announced_ns + PATIENCE_NS:
            yield f"Poison {nth(sent.fault)}: its job was given the word long after it had asked."


def _by_nobody_else(history: History) -> Iterator[str]:
    """Where jobs kill their workers, no worker is killed by a signal that nobody announced."""
    if not _entries(history):
        return
    for left in history.records.of(ChildExited):
        if left.reason == "died" and left.signal == signal.SIGKILL:
            name = worker_name(worker_key(left.slot, left.incarnation)).capitalize()
            yield f"{name} was killed by SIGKILL, and no job had announced it."


def _entries(history: History) -> Sequence[PoisonEntry]:
    return poisons(history.start.scenario)


def _numbers(history: History) -> Ints:
    numbers = map(history.jobs.number, poison_jobs(history.start.scenario))
    return np.array([number for number in numbers if number is not None], np.int64)


def _hit(sent: FaultInjected) -> Sequence[WorkerTarget]:
    return sent.target.workers


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (
    _announced_by_plan,
    _never_ended,
    _none_went_on,
    _named_rightly,
    _in_time,
    _by_nobody_else,
)
