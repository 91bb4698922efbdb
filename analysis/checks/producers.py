"""The batch that a killed producer was at: nobody was answered, and its queue has what it can
have."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from analysis.evidence.run_spec import planned_by_number
from analysis.faults_named import nth
from analysis.history.history import History
from orchestrator.history.producer_faults import ProducerBefore
from orchestrator.history.records import EnqueueFailed, FaultInjected
from orchestrator.history.targets import ProducerTarget
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
        answered = [j for j in before.jobs if j not in unknown or unknown[j] < sent.t_ns]
        if answered:
            yield (
                f"The producer that fault {nth(sent.fault)} killed is said not to have answered "
                f"job {answered[0]}, and its outcome was not unknown from then on."
            )


def _in_hand(history: History) -> Iterator[str]:
    """Each job of its batch had been sent by when it was frozen, to nobody else, and nobody dies
    twice."""
    sent_ns = {failed.job_id: failed.sent_ns for failed in history.records.of(EnqueueFailed)}
    killed: dict[int, int] = {}
    handed: dict[str, int] = {}
    for sent, before in _deaths(history):
        later = [j for j in before.jobs if j in sent_ns and sent_ns[j] > before.frozen_ns]
        if later:
            yield (
                f"Job {later[0]} is said to have been in the hands of the producer that fault "
                f"{nth(sent.fault)} killed, and was sent after that one had been frozen."
            )
        others = [job for job in before.jobs if handed.setdefault(job, sent.fault) != sent.fault]
        if others:
            both = f"faults {nth(handed[others[0]])} and {nth(sent.fault)}"
            yield f"Job {others[0]} is said to have been in the hands of both that {both} killed."
        target = sent.target
        if isinstance(target, ProducerTarget):
            earlier = killed.setdefault(target.number, sent.fault)
            if earlier != sent.fault:
                both = f"Faults {nth(earlier)} and {nth(sent.fault)}"
                yield f"{both} are said to have killed one and the same producer."


def _never_sent(history: History) -> Iterator[str]:
    """What no server was given, no queue can have."""
    for sent, before in _deaths(history):
        if before.side != "before":
            continue
        there = [job for job in before.jobs if history.jobs.number(job) is not None]
        there += before.queued
        if there:
            yield (
                f"The request that was to put job {there[0]} into the queue is said not to have "
                f"reached the server before fault {nth(sent.fault)}, and the queue has the job."
            )


def _put_in(history: History) -> Iterator[str]:
    """What the server has carried out put the batch into the queue, where somebody saw it; what was
    seen there is in the ledger."""
    for sent, before in _deaths(history):
        if before.side != "after":
            continue
        there = {job for job in before.jobs if history.jobs.number(job) is not None}
        if before.jobs and not there:
            yield (
                f"The request after which fault {nth(sent.fault)} killed its producer is said to "
                "have put its batch into the queue, and nobody ever saw any job of it there."
            )
        elif not set(before.queued) <= there:
            yield (
                f"Of the batch that fault {nth(sent.fault)} met, the queue was seen to have jobs "
                "of which no line says that it took them."
            )


def _as_planned(history: History) -> Iterator[str]:
    planned = planned_by_number(history)
    for sent, before in _deaths(history):
        entry = planned.get(sent.fault)
        if not isinstance(entry, KillDuringEnqueue):
            continue  # said elsewhere
        if before.side != entry.side or len(before.jobs) < entry.batch:
            yield f"Fault {nth(sent.fault)} met its producer at another place than was planned."


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (
    _unanswered,
    _in_hand,
    _never_sent,
    _put_in,
    _as_planned,
)
