"""Enqueues that nobody answered: seen afterwards or not, each job is in one of the sums."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from analysis.summary.summary import analyse
from orchestrator.observe.probe import PRODUCER, parent_session_name
from orchestrator.run.request import make_request
from orchestrator.run.run import carry_out
from orchestrator.scenario.load import load_scenario
from tests.conftest import Database
from worker_child.adapters.contract import EnqueueResult, OutgoingJob
from worker_child.adapters.pgqueuer.inbox import PgQueuerEnqueuer

pytestmark = pytest.mark.database

SCENARIO = Path(__file__).parent.parent / "scenarios" / "tiny_kill.toml"
RUN_ID = "tiny_kill-pgqueuer-tuned-001"
ENQUEUE = PgQueuerEnqueuer.enqueue
TERMINATE = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = %s
"""
VERDICTS = (
    "completed_once",
    "duplicated",
    "lost",
    "stranded",
    "pending",
    "discarded",
    "ambiguous",
)


class Administrator:
    """Terminates the producer's backend, at some calls before the enqueue, at others after it.

    Terminated before, the call fails and the jobs are nowhere. Terminated after the commit and
    before the answer is read, the jobs are in the queue and nobody has said so.
    """

    def __init__(self, dsn: str, before: set[int], after: set[int]) -> None:
        self._dsn = dsn
        self._before = before
        self._after = after
        self.calls = 0
        self.nowhere: set[str] = set()
        self.unanswered: set[str] = set()

    def terminate(self) -> None:
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            name = parent_session_name(RUN_ID, PRODUCER)
            rows = connection.execute(TERMINATE, (name,)).fetchall()
        assert rows == [(True,)], "the producer has one session"

    def enqueue(
        self, enqueuer: PgQueuerEnqueuer, jobs: Sequence[OutgoingJob]
    ) -> list[EnqueueResult]:
        self.calls += 1
        ids = {job.job_id for job in jobs}
        if self.calls in self._before:
            self.nowhere |= ids
            self.terminate()
        results = ENQUEUE(enqueuer, jobs)
        if self.calls in self._after:
            self.unanswered |= ids
            self.terminate()
            enqueuer._connection.execute("SELECT 'the answer, please'")
        return results


def run(dsn: str, results: Path) -> Path:
    request = make_request(
        load_scenario(str(SCENARIO), ["expectations.never_seen=none"]),
        library="pgqueuer",
        preset=None,
        ordinal=1,
        dsn=dsn,
        results=results,
        overwrite=False,
    )
    return carry_out(request, lambda status: None).history


def facts(history: Path, kind: str) -> list[dict[str, Any]]:
    records = map(json.loads, history.read_text().splitlines())
    return [record["fields"] for record in records if record["kind"] == kind]


def test_a_producer_that_loses_its_session_leaves_no_job_out_of_the_sums(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    administrator = Administrator(database.dsn, before={5, 20}, after={10, 12})
    monkeypatch.setattr(
        PgQueuerEnqueuer, "enqueue", lambda enqueuer, jobs: administrator.enqueue(enqueuer, jobs)
    )
    history = run(database.dsn, tmp_path)
    nowhere, unanswered = administrator.nowhere, administrator.unanswered
    assert nowhere and unanswered

    failed = facts(history, "enqueue_failed")
    assert {line["outcome"] for line in failed} == {"indeterminate"}
    assert {line["job_id"] for line in failed} == nowhere | unanswered
    assert len(failed) == len(nowhere | unanswered), "none was retried"
    enqueued = Counter(line["job_id"] for line in facts(history, "job_enqueued"))
    assert set(enqueued.values()) == {1}
    recovered = [
        line["job_id"] for line in facts(history, "job_enqueued") if line["outcome"] == "recovered"
    ]
    assert set(recovered) == unanswered

    summary = analyse(history)
    jobs = summary.jobs
    assert (jobs.recovered, jobs.not_enqueued) == (len(unanswered), len(nowhere))
    assert jobs.enqueued + jobs.not_enqueued == 60
    assert sum(getattr(jobs, verdict) for verdict in VERDICTS) == jobs.enqueued
    assert (jobs.unexpected, jobs.lost, jobs.ambiguous) == (0, 0, 0)
    assert summary.crash.harness_ambiguity == 0
    assert (summary.verdict, summary.exit_code) == ("pass", 0), summary.reasons
