"""Every planted fault gets its verdict: a checker that none trips is a defect."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.ledger.case import open_case
from analysis.ledger.flags import flags
from analysis.ledger.ledger import VERDICTS, judge
from analysis.report.jobs_table import job_rows
from analysis.summary.summary import analyse
from tests.histories.planted import PLANTED


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_gets_its_verdict(name: str, tmp_path: Path) -> None:
    planted = PLANTED[name]
    path = planted.plant().write(tmp_path)
    summary = analyse(path)

    assert summary.verdict == planted.verdict, summary.reasons
    for key, count in planted.jobs.items():
        assert getattr(summary.jobs, key) == count, key
    if planted.says is not None:
        assert any(planted.says in reason for reason in summary.reasons), summary.reasons
    if planted.job is not None:
        rows = {row["job_id"]: row for row in job_rows(path)}
        row = rows[planted.job]
        assert (row["verdict"], row["reason"]) == (planted.becomes, planted.reason)
        assert planted.flags <= set(row["flags"])


def test_a_job_whose_handler_erred_was_not_discarded_by_the_crash_alone(tmp_path: Path) -> None:
    (row,) = job_rows(PLANTED["discarded_by_the_queue"].plant().write(tmp_path))

    assert row["flags"] == []


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("discarded_as_the_library_said", "discarded"),
        ("discarded_before_it_ever_ran", "discarded"),
        ("discarded_without_a_row", "failed"),
        ("lost_after_a_discard_that_never_came_to_be", "none"),
        ("lost_after_a_discard_that_the_rows_took_back", "none"),
    ],
)
def test_a_job_ended_as_its_last_execution_did(name: str, status: str, tmp_path: Path) -> None:
    (row,) = job_rows(PLANTED[name].plant().write(tmp_path))

    assert row["final_status"] == status


@pytest.mark.parametrize("name", PLANTED)
def test_the_verdicts_sum_to_the_enqueued_jobs(name: str, tmp_path: Path) -> None:
    path = PLANTED[name].plant().write(tmp_path)
    jobs = analyse(path).jobs

    assert sum(getattr(jobs, verdict) for verdict in VERDICTS) == jobs.enqueued


@pytest.mark.parametrize("name", PLANTED)
def test_counting_in_bulk_equals_judging_one_by_one(name: str, tmp_path: Path) -> None:
    path = PLANTED[name].plant().write(tmp_path)
    case = open_case(path)
    counted: dict[str, int] = {}
    raised: dict[str, int] = {}
    for evidence in case.evidence(np.ones(len(case.history.jobs), np.bool_)):
        if not evidence.planned:
            continue
        judgement = judge(evidence, case.rules)
        counted[judgement.verdict] = counted.get(judgement.verdict, 0) + 1
        for flag in flags(evidence, judgement, case.rules):
            raised[flag] = raised.get(flag, 0) + 1
    jobs = analyse(path).jobs

    assert {verdict: getattr(jobs, verdict) for verdict in counted} == counted
    assert jobs.flags == raised
