"""A process that enqueues: its answers are exact, and its silence is never taken for one."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg
import pytest

from worker_child.adapters import enqueuer_process
from worker_child.adapters.contract import (
    Accepted,
    CacheAnswer,
    Deduplicated,
    OutgoingJob,
    Rejected,
    Served,
)
from worker_child.adapters.enqueuer_process import EnqueuerLostError, ProcessEnqueuer

JOBS = [OutgoingJob("j1", "entity_update", b"{}"), OutgoingJob("j2", "entity_update", b"{}", "k2")]


def start(behaviour: str, answer_limit_s: float = 20.0) -> ProcessEnqueuer:
    return ProcessEnqueuer(
        [sys.executable, str(Path(__file__).with_name("fake_enqueuer.py")), behaviour],
        library="fake",
        dsn="application_name=cb:test:producer",
        settings={"max_attempts": 5},
        answer_limit_s=answer_limit_s,
    )


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    before = set(psutil.Process().children())
    yield
    assert set(psutil.Process().children()) <= before


def test_each_job_has_its_own_answer_in_its_place() -> None:
    refused = OutgoingJob("j3", "entity_update", b"{}", "r3")
    with closing(start("honest")) as enqueuer:
        assert enqueuer.enqueue([*JOBS, refused]) == [
            Accepted("j1"),
            Deduplicated(into="k2"),
            Rejected("no such table"),
        ]
        assert enqueuer.enqueue(JOBS[:1]) == [Accepted("j1")]


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [("dying", "the connection is gone"), ("few", "handed 2 jobs and answered 1")],
)
def test_without_a_whole_answer_nobody_knows_what_the_queue_took(behaviour: str, says: str) -> None:
    with closing(start(behaviour)) as enqueuer:
        with pytest.raises(EnqueuerLostError, match=says) as lost:
            enqueuer.enqueue(JOBS)
        assert isinstance(lost.value, psycopg.OperationalError)
        assert lost.value.sqlstate is None


def test_a_silent_process_is_waited_for_no_longer_than_its_limit() -> None:
    with closing(start("silent", answer_limit_s=5.0)) as enqueuer:
        enqueuer._answer_limit_s = 0.2
        began_s = time.monotonic()
        with pytest.raises(EnqueuerLostError, match=r"nothing came within 0\.2 s"):
            enqueuer.enqueue(JOBS)
        assert time.monotonic() - began_s < 5


def test_a_process_that_does_not_come_up_says_why() -> None:
    with pytest.raises(EnqueuerLostError, match="no such database"):
        start("unborn")


def test_a_program_that_is_not_there_cannot_be_started() -> None:
    with pytest.raises(FileNotFoundError):
        ProcessEnqueuer(
            ["/nonexistent/worker"],
            library="fake",
            dsn="application_name=cb:test:producer",
            settings={"max_attempts": 5},
        )


def test_a_process_that_ignores_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enqueuer_process, "STOP_LIMIT_S", 0.2)
    start("stubborn").close()


def test_it_outlives_the_thread_that_asked_for_it() -> None:
    started: list[ProcessEnqueuer] = []
    thread = threading.Thread(target=lambda: started.append(start("honest")))
    thread.start()
    thread.join(30)
    with closing(started[0]) as enqueuer:
        assert enqueuer.enqueue(JOBS[:1]) == [Accepted("j1")]


def question(address: str) -> OutgoingJob:
    return OutgoingJob("j1", "entity_update", b"{}", address)


def test_a_caller_is_told_what_it_was_served_and_what_the_queue_said() -> None:
    with closing(start("honest")) as caller:
        answers = [
            caller.ask(question(address), give_up_s=7, stopped=lambda: False)
            for address in ("hit", "miss", "joined")
        ]
    assert answers == [
        CacheAnswer("hit", None, None, 1, Served("ab" * 32, 100)),
        CacheAnswer("miss", Accepted("j1"), 1, 2, Served("cd" * 32, 0)),
        CacheAnswer("joined", Deduplicated(None), 1, 2, None, "gave up after 7 s"),
    ]


def test_a_caller_without_an_answer_is_lost_and_says_why() -> None:
    with (
        closing(start("honest")) as caller,
        pytest.raises(EnqueuerLostError, match=r"(?s)question j1: .*the connection is gone"),
    ):
        caller.ask(question("dying"), give_up_s=7, stopped=lambda: False)


def test_a_caller_waits_no_longer_once_the_run_is_stopped() -> None:
    began_s = time.monotonic()
    with (
        closing(start("honest")) as caller,
        pytest.raises(EnqueuerLostError, match="the run was stopped"),
    ):
        caller.ask(question("silent"), give_up_s=600, stopped=lambda: True)
    assert time.monotonic() - began_s < 30


def test_a_caller_gives_a_silent_process_the_answers_time_and_its_own_limit() -> None:
    with closing(start("honest")) as caller:
        caller._answer_limit_s = 0.1
        with pytest.raises(EnqueuerLostError, match=r"nothing came within 0\.3 s"):
            caller.ask(question("silent"), give_up_s=0.2, stopped=lambda: False)
