"""The last look: nobody is at work any more, and what was in doubt is now seen or not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator.history.records import HistoryRecord, RowRead
from orchestrator.history.sessions import Session
from orchestrator.load.producer import DueJob, Producer
from orchestrator.run.final_read import final_records, sessions_that_remain
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.workload import PlannedJob, Workload
from orchestrator.workers.tracker import Tracker
from tests.unit.stand_ins import Clock, Lines, ToldProbe, claimed_line
from worker_child.protocol import JobEnqueued, Note, Plan

WORKLOAD = Workload(load_scenario("steady", cores=2))
LEFT = Session(4711, "2026-11-22 10:00:00+00", "active", "SELECT pg_sleep(600)")


class InDoubt(Producer):
    """A producer that never learnt what became of three jobs."""

    def __init__(self, *jobs: str) -> None:
        self.job_of_inbox_id: dict[str, str] = {}
        self.indeterminate = {job_id: DueJob(planned(job_id), 5_000) for job_id in jobs}


def planned(job_id: str) -> PlannedJob:
    plan = Plan(job_id, "entity_update", "external_api", length_us=1234, tenant="t0007")
    return PlannedJob(plan, b"{}", "short", 0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("orchestrator.run.final_read.time", made)
    return made


@pytest.fixture
def probe(clock: Clock) -> ToldProbe:
    return ToldProbe(clock)


def recovered(records: list[HistoryRecord]) -> list[JobEnqueued]:
    return [record for record in records if isinstance(record, JobEnqueued)]


def closing(records: list[HistoryRecord]) -> RowRead:
    (line,) = [r for r in records if isinstance(r, RowRead) and r.job_id is None]
    return line


def test_a_job_in_doubt_that_the_queue_was_seen_to_have_comes_into_the_ledger_though_it_is_gone(
    probe: ToldProbe,
) -> None:
    tracker = Tracker()
    tracker.seen_in_queue.add("j000001")
    found = recovered(final_records(probe, InDoubt("j000001", "j000002"), tracker, WORKLOAD, []))
    assert [line.job_id for line in found] == ["j000001"]


def test_jobs_in_doubt_that_are_seen_come_into_the_ledger_and_the_others_do_not(
    probe: ToldProbe,
) -> None:
    tracker = Tracker()
    Lines(tracker).start("j000001")
    probe.lines = [claimed_line("j000002")]
    producer = InDoubt("j000001", "j000002", "j000003")
    records = final_records(probe, producer, tracker, WORKLOAD, [])
    found = recovered(records)
    assert [(line.job_id, line.outcome) for line in found] == [
        ("j000001", "recovered"),
        ("j000002", "recovered"),
    ]
    assert (found[0].length_us, found[0].tenant, found[0].intended_ns) == (1234, "t0007", 5_000)
    assert (found[0].sent_ns, found[0].acknowledged_ns) == (None, None)


def test_a_job_that_only_its_effect_shows_comes_into_the_ledger(probe: ToldProbe) -> None:
    probe.lines = [RowRead(0, "final", "j000001", state="absent", effects=[(0, 0, 1)])]
    found = recovered(final_records(probe, InDoubt("j000001"), Tracker(), WORKLOAD, []))
    assert [line.job_id for line in found] == ["j000001"]


def test_accepted_jobs_are_not_enqueued_a_second_time(probe: ToldProbe) -> None:
    probe.lines = [claimed_line("j000001")]
    assert recovered(final_records(probe, InDoubt(), Tracker(), WORKLOAD, [])) == []


def test_a_read_while_nobody_is_left_stands(probe: ToldProbe) -> None:
    probe.lines = [claimed_line("j000001")]
    line = closing(final_records(probe, InDoubt(), Tracker(), WORKLOAD, []))
    assert (line.lines, line.error) == (1, None)


def test_sessions_that_remain_void_the_read_and_are_named(probe: ToldProbe) -> None:
    probe.lines = [claimed_line("j000001")]
    line = closing(final_records(probe, InDoubt(), Tracker(), WORKLOAD, [LEFT]))
    assert line.lines == 1
    assert line.error is not None
    assert "sessions of the run remained" in line.error
    assert "4711" in line.error


def test_a_read_that_failed_keeps_its_own_error(probe: ToldProbe) -> None:
    probe.read_error = "statement timeout"
    line = closing(final_records(probe, InDoubt(), Tracker(), WORKLOAD, [LEFT]))
    assert line.error == "statement timeout"


def test_a_queues_own_record_is_written_down_row_by_row(probe: ToldProbe) -> None:
    probe.audited = [{"did": "claim"}, {"did": "acknowledge"}]
    records = final_records(probe, InDoubt(), Tracker(), WORKLOAD, [])
    notes = [record for record in records if isinstance(record, Note)]
    assert [(note.code, note.detail) for note in notes] == [
        ("audit", {"did": "claim"}),
        ("audit", {"did": "acknowledge"}),
    ]


def test_it_waits_until_no_session_is_left(
    clock: Clock, probe: ToldProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: Iterator[list[Session]] = iter([[LEFT], [LEFT], []])
    monkeypatch.setattr(probe, "sessions", lambda names: next(looks))
    begun_ns = clock.now_ns
    assert sessions_that_remain(probe, ["cb:x:0:0"], limit_s=10.0) == []
    assert 0 < clock.now_ns - begun_ns < 1_000_000_000


def test_it_does_not_wait_beyond_its_limit_and_tells_who_was_left(
    clock: Clock, probe: ToldProbe
) -> None:
    probe.open_sessions = {"cb:x:0:0": [LEFT], "cb:y:0:0": [LEFT]}
    begun_ns = clock.now_ns
    assert sessions_that_remain(probe, ["cb:x:0:0"], limit_s=2.0) == [LEFT]
    assert 2.0 <= (clock.now_ns - begun_ns) / 1e9 < 2.2
