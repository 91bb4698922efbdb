"""The batch that a killed producer was at: nobody was answered, and its queue has what it can
have."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from analysis.evidence.run_spec import planned_faults
from analysis.faults_named import nth
from analysis.history.history import History
from orchestrator.history.producer_faults import ProducerBefore
from orchestrator.history.records import EnqueueFailed, FaultInjected
from orchestrator.scenario.faults import KillDuringEnqueue


def _deaths(history: History) -> Iterator[tuple[FaultInjected, ProducerBefore]]:
    for sent in history.records.of(FaultInjected):
        before = sent.before
        if isinstance(before, ProducerBefore):
            yield sent, before


def _unanswered(history: History) -> Iterator[str]:
    """Of each of its jobs the outcome is unknown, and was so only after the kill."""
    unknown = {
        failed.job_id: failed.t_ns
        for failed in history.records.of(EnqueueFailed)
        if failed.outcome == "indeterminate"
    }
    for sent, before in _deaths(history):
        answered = [job for job in before.jobs if unknown.get(job, -1) < sent.t_ns]
        if answered:
            yield (
                f"The producer that fault {nth(sent.fault)} killed is said not to have answered "
                f"job {answered[0]}, and its outcome was not unknown from then on."
            )


def _never_sent(history: History) -> Iterator[str]:
    """What no server was given, no queue can have."""
    for sent, before in _deaths(history):
        if before.side != "before":
            continue
        there = [job for job in before.jobs if history.jobs.number(job) is not None]
        if there:
            yield (
                f"The request that was to put job {there[0]} into the queue is said not to have "
                f"reached the server before fault {nth(sent.fault)}, and the queue has the job."
            )


def _as_planned(history: History) -> Iterator[str]:
    planned = planned_faults(history.start.scenario.faults)
    for sent, before in _deaths(history):
        entry = planned[sent.fault] if sent.fault < len(planned) else None
        if not isinstance(entry, KillDuringEnqueue):
            continue  # said elsewhere
        if before.side != entry.side or len(before.jobs) < entry.batch:
            yield f"Fault {nth(sent.fault)} met its producer at another place than was planned."


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (_unanswered, _never_sent, _as_planned)
