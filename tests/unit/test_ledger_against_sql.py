"""The ledger against an oracle written as SQL, over histories at random."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from analysis.ledger import ledger
from analysis.ledger.case import Case, open_case
from analysis.ledger.flags import flags
from analysis.ledger.ledger import LEDGER, Judgement, LedgerRow, judge
from analysis.ledger.plain_jobs import plain_jobs
from analysis.summary.summary import summarise
from tests.examples import examples
from tests.histories.builder import Story
from tests.histories.oracle import duplicate_executions, verdicts
from tests.histories.planted import PLANTED
from tests.histories.random_stories import stories


def opened(story: Story) -> Case:
    with TemporaryDirectory() as folder:
        return open_case(story.write(Path(folder)))


def judgements(case: Case) -> dict[str, Judgement]:
    everything = np.ones(len(case.history.jobs), np.bool_)
    return {e.job_id: judge(e, case.rules) for e in case.evidence(everything)}


def named(judgement: Judgement) -> str:
    if judgement.verdict == "ambiguous":
        return f"ambiguous:{judgement.reason}"
    return judgement.verdict


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=examples(800), deadline=None, suppress_health_check=list(HealthCheck))
@given(stories())
def test_the_ledger_agrees_with_sql_on_every_job(story: Story) -> None:
    case = opened(story)
    found = {job_id: named(judgement) for job_id, judgement in judgements(case).items()}
    expected = verdicts(story.lines())

    assert found == expected
    summary = summarise(case)
    counted = Counter(verdict.partition(":")[0] for verdict in expected.values())
    assert {verdict: getattr(summary.jobs, verdict) for verdict in counted} == counted
    assert summary.jobs.enqueued == len(expected)
    assert summary.crash.duplicate_executions == duplicate_executions(story.lines())
    causes = ("duplicates_by_crash", "duplicates_re_enqueued", "duplicates_live")
    duplicated = summary.jobs.duplicated
    assert summary.crash.duplicated == duplicated
    assert sum(getattr(summary.crash, c) for c in causes) == duplicated


@pytest.mark.timeout(300)
@settings(max_examples=examples(300), deadline=None, suppress_health_check=list(HealthCheck))
@given(stories())
def test_a_plain_job_is_one_that_the_ledger_finds_nothing_about(story: Story) -> None:
    case = opened(story)
    in_flight = {job for death in case.deaths for job in death.phases}
    plain = plain_jobs(case.history, case.rules, in_flight)

    for evidence in case.evidence(plain):
        judgement = judge(evidence, case.rules)
        assert judgement == Judgement("completed_once")
        assert flags(evidence, judgement, case.rules) == []


SAME_AS_SQL = [
    name
    for name in PLANTED
    # The oracle knows neither notes, nor clocks, nor what was planned.
    if PLANTED[name].reason not in ("clock_violation", "bad_line")
    and not PLANTED[name].jobs.get("unexpected")
]


@pytest.mark.parametrize("name", SAME_AS_SQL)
def test_the_oracle_agrees_on_the_planted_faults(name: str) -> None:
    story = PLANTED[name].plant()
    found = {job_id: named(verdict) for job_id, verdict in judgements(opened(story)).items()}

    assert found == verdicts(story.lines())


@pytest.mark.parametrize("name", PLANTED)
def test_a_recount_in_ten_lines_gives_the_same_duplicates(name: str) -> None:
    story = PLANTED[name].plant()
    completed: Counter[str] = Counter()
    for line in story.lines():
        record = json.loads(line)
        if record["kind"] == "job_completed":
            completed[record["fields"]["job_id"]] += 1
    recount = sum(times >= 2 for times in completed.values())

    assert summarise(opened(story)).crash.duplicate_executions == recount


@pytest.mark.parametrize("row", LEDGER[:-1], ids=lambda row: row.__name__.strip("_"))
def test_the_oracle_catches_a_ledger_that_lacks_a_row(
    row: LedgerRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "LEDGER", tuple(other for other in LEDGER if other is not row))
    disagreements = 0
    for name in SAME_AS_SQL:
        story = PLANTED[name].plant()
        found = {job_id: named(verdict) for job_id, verdict in judgements(opened(story)).items()}
        disagreements += found != verdicts(story.lines())

    assert disagreements > 0
