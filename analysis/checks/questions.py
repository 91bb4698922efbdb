"""Questions to a cache: each is told of once, and no two of its lines contradict each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from analysis.history.history import History
from analysis.history.job_ids import stream_index
from analysis.history.questions import Question, questions_of
from orchestrator.history.records import EnqueueFailed
from worker_child.protocol import Note

MOST_NAMED = 3


def _told_once(history: History) -> Iterator[str]:
    """Every question that was sent, and no other; only of a completed run all are known."""
    if history.start.scenario.workload.cache is None:
        return
    told = Counter(question.told.job_id for question in _questions(history))
    yield from _sentence("were told of several times", (q for q, n in told.items() if n > 1))
    end = history.end
    assert end is not None, "asked of an unfinished history"
    indices = {job_id: stream_index(job_id) for job_id in told}
    foreign = (q for q, i in indices.items() if i is None or i >= end.stream_jobs)
    yield from _sentence("were never planned", foreign)
    missing = end.stream_jobs - sum(i is not None and i < end.stream_jobs for i in indices.values())
    if end.ended == "completed" and missing:
        yield f"Of {missing} questions to the cache no note says what their callers were served."


def _in_their_time(history: History) -> Iterator[str]:
    """Asked at or before the answer, served something or nothing, for an address of one result."""
    results: dict[str, tuple[str, int]] = {}
    for question in _questions(history):
        told = question.told
        if told.asked_ns > question.answered_ns:
            yield f"The question {told.job_id} was answered before it was asked."
        if (told.sha256 is None) != (told.bytes is None):
            yield f"The answer to {told.job_id} has a digest or a length, and not both."
        if told.outcome == "unknown" and question.served:
            yield f"The question {told.job_id} was served, and has no known outcome."
        own = (told.expected_sha256, told.expected_bytes)
        if results.setdefault(told.address, own) != own:
            yield f"The address {told.address} has several results of its own."
    digests = Counter(digest for digest, _ in results.values())
    if any(times > 1 for times in digests.values()):
        yield "Two addresses of the cache have the same result: no answer could be called foreign."


def _as_the_queue_took_it(history: History) -> Iterator[str]:
    """A hit and one that joined put no job of their own into the queue."""
    questions = {question.told.job_id: question.told for question in _questions(history)}
    if not questions:
        return
    failed = {record.job_id: record.outcome for record in history.records.of(EnqueueFailed)}
    expected = {"hit": "deduplicated", "joined": "deduplicated"}
    contradicted = (
        job_id
        for job_id, told in questions.items()
        if told.outcome in expected and failed.get(job_id) != expected[told.outcome]
    )
    yield from _sentence("were hits or joined, and yet put a job of their own in", contradicted)
    untold = (
        job_id
        for job_id, told in questions.items()
        if told.outcome == "miss" and failed.get(job_id) == "deduplicated"
    )
    yield from _sentence("were misses, and yet put no job of their own in", untold)


def _sentence(what: str, job_ids: Iterator[str]) -> Iterator[str]:
    named = sorted(job_ids)
    if named:
        more = ", ..." if len(named) > MOST_NAMED else ""
        some = ", ".join(named[:MOST_NAMED])
        yield f"{len(named)} questions to the cache {what}: {some}{more}."


def _questions(history: History) -> list[Question]:
    return questions_of(history.records.of(Note))


CHECKS = (_told_once, _in_their_time, _as_the_queue_took_it)
