"""A network that was out, told by a history: its certificate, and what contradicts it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.summary.summary import analyse
from tests.histories.builder import ORIGIN_NS, Story
from tests.histories.stories import A, B, C

Parts = dict[str, Any]


def black_hole() -> Story:
    """The worker of slot 0 is cut off with A open; the other one does A meanwhile, then it does."""
    story = Story()
    story.first("run_start")["scenario"]["workers"]["slots"] = 2
    first, second = story.worker(), story.worker(slot=1)
    story.enqueue(A, B, C)
    first.run(C)
    first.start(A)
    story.wait(0.01)
    sent = story.record("fault_injected", **_common(first.pid), **_sent(story))
    shut_ns = story.now_ns + 1
    story.wait(5)
    second.run(A)
    story.wait(5)
    released_ns = story.now_ns
    story.wait(0.01)
    first.complete(A)
    first.run(B)
    parts = {
        "shut_ns": shut_ns,
        "looked_ns": released_ns - 1,
        "connections": [
            {"backend_pid": 7, "from_worker_bytes": 80, "from_server_bytes": 20},
            {"is_new": True},
        ],
        "backend_pids": [7],
        "sessions_held": [7],
        "released_ns": released_ns,
        "lived": True,
    }
    story.record("fault_ended", **_common(first.pid), parts=parts, healed_ns=released_ns)
    story.exit(first)
    story.exit(second)
    story.end()
    for_s = (released_ns - sent["t_ns"]) / 1e9
    entry = {"what": "blackhole", "slots": [0], "for_s": for_s, "when": {"completed": 1}}
    story.first("run_start")["scenario"]["faults"] = [entry]
    return story


def reset(*, dies: bool = False) -> Story:
    """The only worker's connections are reset with A open; it does it again when it is back."""
    story = Story()
    worker = story.worker()
    story.enqueue(A, B, C)
    worker.run(C)
    worker.start(A)
    story.wait(0.01)
    sent = story.record("fault_injected", **_common(worker.pid, "reset"), **_sent(story))
    reset_ns = story.now_ns + 1
    story.wait(4)
    accepted_ns = story.now_ns
    story.wait(0.5)
    reconnected_ns = story.now_ns
    worker.complete(A)
    if not dies:
        worker.run(B)
    parts = {
        "reset_ns": reset_ns,
        "resets": 2,
        "reset_pids": [7],
        "backend_pids": [7, 8],
        "refused": 3,
        "refusal_seen_ns": reset_ns + 1,
        "sessions_gone_ns": reset_ns + 2,
        "accepted_ns": accepted_ns,
        "reconnected_ns": reconnected_ns,
        "lived": True,
    }
    common = _common(worker.pid, "reset")
    story.record("fault_ended", **common, parts=parts, healed_ns=accepted_ns)
    story.exit(worker, "died" if dies else "stopped", **({"exit_code": 1} if dies else {}))
    story.end()
    for_s = (accepted_ns - sent["t_ns"]) / 1e9
    entry = {"what": "reset", "slots": [0], "for_s": for_s, "when": {"completed": 1}}
    story.first("run_start")["scenario"]["faults"] = [entry]
    return story


def _common(pid: int, what: str = "blackhole") -> Parts:
    target = {"kind": "worker", "slot": 0, "incarnation": 0, "pid": pid}
    return {"fault": 0, "what": what, "target": target}


def _sent(story: Story) -> Parts:
    return {
        "ends_process": False,
        "trigger": "state",
        "biased": True,
        "intended_ns": story.now_ns,
        "parts": {"sessions": [{"pid": 7, "backend_start": "then"}]},
    }


def test_a_black_hole_is_told_with_what_it_held_and_what_the_worker_did_after(
    tmp_path: Path,
) -> None:
    summary = analyse(black_hole().write(tmp_path))
    assert summary.verdict == "pass", summary.reasons
    (told,) = (text for text in summary.findings if text.startswith("Blackhole 1: "))
    assert told == (
        "Blackhole 1: nothing passed between slot 0 incarnation 0 and the server for 10.0 s; 100 "
        "bytes were held on 2 connections, 1 of them opened meanwhile; the worker lived, and one "
        "of its jobs began 0.0 s later."
    )
    (fault,) = summary.faults
    assert (fault.what, fault.slots, fault.live_taken) == ("blackhole", (0,), 1)
    assert fault.lasted_s == pytest.approx(10.0, abs=0.1)
    assert summary.crash.duplicates_live_by.pause == 1


WITHOUT: list[tuple[str, Callable[[Parts, Parts], object], str]] = [
    ("no shutting", lambda _, end: end.pop("shut_ns"), "nothing shows that its connections"),
    ("bytes", lambda _, end: end.update(passed_bytes=1), "bytes passed while nothing was to"),
    ("another way", lambda _, end: end.update(backend_pids=[8]), "did not go through the proxy"),
    ("nothing held", lambda _, end: end.pop("connections"), "nothing was sent meanwhile"),
    ("no look", lambda _, end: end.pop("looked_ns"), "nothing shows what passed until it"),
    (
        "no late look",
        lambda _, end: end.update(looked_ns=end["shut_ns"] + 1),
        "nothing shows what passed until it flowed again",
    ),
    (
        "shut when it was over",
        lambda _, end: end.update(shut_ns=end["released_ns"] - 1, looked_ns=end["released_ns"] - 2),
        "it flowed again before it was looked at",
    ),
    ("no flowing", lambda _, end: end.pop("released_ns"), "it was not seen to flow again"),
    ("no session", lambda before, _: before.update(sessions=[]), "no session of the worker"),
]


@pytest.mark.parametrize(("what", "change", "reason"), WITHOUT, ids=[what for what, *_ in WITHOUT])
def test_a_black_hole_without_a_part_of_its_certificate_voids_the_run(
    tmp_path: Path, what: str, change: Callable[[Parts, Parts], object], reason: str
) -> None:
    changed = black_hole()
    change(changed.first("fault_injected")["parts"], changed.first("fault_ended")["parts"])
    summary = analyse(changed.write(tmp_path))
    assert summary.verdict == "invalid"
    assert reason in " ".join(summary.reasons)


def test_a_reset_is_told_with_what_was_refused_and_when_the_worker_was_back(tmp_path: Path) -> None:
    summary = analyse(reset().write(tmp_path))
    assert summary.verdict == "pass", summary.reasons
    (told,) = (text for text in summary.findings if text.startswith("Reset 1: "))
    assert told == (
        "Reset 1: 2 connections of slot 0 incarnation 0 were reset, and 3 new ones within 4.0 s; "
        "after that a new session was there 0.5 s later; the worker lived, and one of its jobs "
        "began 0.5 s later."
    )
    (fault,) = summary.faults
    assert (fault.what, fault.slots, fault.live_taken) == ("reset", (0,), 0)
    assert fault.lasted_s == pytest.approx(4.0, abs=0.1)
    assert fault.first_work_s == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"lived": False}, "the worker died of it"),
        ({"reconnected_ns": None}, "it opened no other one within"),
        ({"refused": 1}, "and 1 new one within 4.0 s"),
        ({"refused": 0}, "and no new ones within 4.0 s"),
    ],
)
def test_a_reset_is_told_as_it_ended(tmp_path: Path, change: Parts, says: str) -> None:
    changed = reset()
    changed.first("fault_ended")["parts"].update(change)
    assert says in " ".join(analyse(changed.write(tmp_path)).findings)


def test_a_worker_that_dies_when_its_certificate_is_closed_has_died_of_it(tmp_path: Path) -> None:
    (told,) = (
        text
        for text in analyse(reset(dies=True).write(tmp_path)).findings
        if text.startswith("Reset 1: ")
    )
    assert told.endswith("after that a new session was there 0.5 s later; the worker died of it.")


WITHOUT_IN_A_RESET: list[tuple[str, Parts, str]] = [
    ("no reset", {"resets": 0}, "no connection was reset"),
    ("no instant", {"reset_ns": None}, "no connection was reset"),
    ("another way", {"backend_pids": [8]}, "a session of the worker did not go through the proxy"),
    ("sessions", {"sessions_gone_ns": None}, "its sessions were not seen to go"),
    ("none refused", {"refusal_seen_ns": None}, "no new connection was seen to be reset"),
    ("another's", {"reset_pids": [9]}, "sessions were reset that did not go through the proxy"),
    (
        "refused later",
        {"refusal_seen_ns": ORIGIN_NS + 4_500_000_000},
        "a new connection was reset before it began, or after it was over",
    ),
    (
        "back too soon",
        {"reconnected_ns": ORIGIN_NS + 2_000_000_000},
        "the worker had a new session before it was over",
    ),
    ("no end", {"accepted_ns": None}, "it was not seen to be over"),
]


@pytest.mark.parametrize(
    ("what", "change", "reason"), WITHOUT_IN_A_RESET, ids=[what for what, *_ in WITHOUT_IN_A_RESET]
)
def test_a_reset_without_a_part_of_its_certificate_voids_the_run(
    tmp_path: Path, what: str, change: Parts, reason: str
) -> None:
    changed = reset()
    changed.first("fault_ended")["parts"].update(change)
    summary = analyse(changed.write(tmp_path))
    assert summary.verdict == "invalid"
    assert reason in " ".join(summary.reasons)


@pytest.mark.parametrize("story", [black_hole, reset])
def test_an_outage_that_was_shorter_than_planned_voids_the_run(
    tmp_path: Path, story: Callable[[], Story]
) -> None:
    changed = story()
    changed.first("run_start")["scenario"]["faults"][0]["for_s"] += 1.0
    summary = analyse(changed.write(tmp_path))
    assert summary.verdict == "invalid"
    assert "let its worker's bytes pass sooner than was planned" in " ".join(summary.reasons)


@pytest.mark.parametrize(("story", "part"), [(black_hole, "shut_ns"), (reset, "reset_ns")])
def test_an_outage_that_began_long_after_its_instant_voids_the_run(
    tmp_path: Path, story: Callable[[], Story], part: str
) -> None:
    changed = story()
    changed.first("fault_ended")["parts"][part] += 2_000_000_000
    summary = analyse(changed.write(tmp_path))
    assert summary.verdict == "invalid"
    assert "took its worker's network later than it is said to have" in " ".join(summary.reasons)


@pytest.mark.parametrize("story", [black_hole, reset])
def test_an_effect_that_came_about_without_a_network_voids_the_run(
    tmp_path: Path, story: Callable[[], Story]
) -> None:
    changed = story()
    at_ns = changed.first("fault_ended")["healed_ns"] - 1_000_000
    changed.first("job_completed", slot=0, job_id=A)["t_ns"] = at_ns
    summary = analyse(changed.write(tmp_path))
    assert summary.verdict == "invalid"
    assert "cut off completed 1 jobs with their effects while nothing is said to have" in " ".join(
        summary.reasons
    )


def listener_lost() -> Story:
    """The session with which the only worker listens is ended, and it has another one soon."""
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    worker.run(A)
    story.wait(0.01)
    common = _common(worker.pid, "backend_terminate")
    sent = _sent(story)
    sent["parts"]["sessions"].append({"pid": 8, "backend_start": "then"})
    sent = story.record("fault_injected", **common, **sent)
    story.wait(1)
    parts = {
        "terminated": [{"pid": 8, "backend_start": "then", "query": "LISTEN jobs"}],
        "sessions_gone_ns": sent["t_ns"] + 1,
        "aimed_at": [8],
        "listening_again_ns": story.now_ns,
        "lived": True,
    }
    story.record("fault_ended", **common, parts=parts, healed_ns=sent["t_ns"])
    story.enqueue(B)
    story.wait(0.25)
    worker.run(B)
    story.exit(worker)
    story.end()
    entry = {"what": "backend_terminate", "which": "listener", "when": {"completed": 1}}
    story.first("run_start")["scenario"]["faults"] = [entry]
    return story


def test_a_listener_that_is_lost_is_told_with_the_pickup_before_and_after(tmp_path: Path) -> None:
    summary = analyse(listener_lost().write(tmp_path))
    assert summary.verdict == "pass", summary.reasons
    (told,) = (text for text in summary.findings if text.startswith("Backend terminate 1: "))
    assert told == (
        "Backend terminate 1: 1 session of slot 0 incarnation 0 was told to end, all that "
        "listened; one listened again 1.0 s later."
    )
    (fault,) = summary.faults
    before, after = fault.pickup_before, fault.pickup_after
    assert (before.n, after.n) == (1, 1)
    assert before.p50 is not None and after.p50 is not None and before.p50 < 250 <= after.p50


def test_a_worker_that_never_listens_again_is_told_of(tmp_path: Path) -> None:
    changed = listener_lost()
    changed.first("fault_ended")["parts"].pop("listening_again_ns")
    (told,) = (t for t in analyse(changed.write(tmp_path)).findings if t.startswith("Backend"))
    assert "all that listened; none listened again within 1.0 s" in told


@pytest.mark.parametrize(
    ("change", "which", "reason"),
    [
        ({"aimed_at": [7]}, "listener", "ended other sessions than those that it was aimed at"),
        ({"aimed_at": []}, "listener", "ended other sessions than those that it was aimed at"),
        ({"terminated": []}, "listener", "no session of the worker was told to end"),
        ({"terminated": [], "aimed_at": []}, "listener", "had no session that listened"),
        ({}, "all", "was to end all sessions, and was aimed at some"),
    ],
)
def test_another_session_than_the_one_that_listened_voids_the_run(
    tmp_path: Path, change: Parts, which: str, reason: str
) -> None:
    changed = listener_lost()
    changed.first("fault_ended")["parts"].update(change)
    changed.first("run_start")["scenario"]["faults"][0]["which"] = which
    summary = analyse(changed.write(tmp_path))
    assert summary.verdict == "invalid"
    assert reason in " ".join(summary.reasons)


def test_a_listening_session_that_was_not_the_workers_voids_the_run(tmp_path: Path) -> None:
    changed = listener_lost()
    end = changed.first("fault_ended")["parts"]
    end["terminated"][0]["pid"] = 9
    end["aimed_at"] = [9]
    summary = analyse(changed.write(tmp_path))
    assert summary.verdict == "invalid"
    assert "ended sessions that were none of its worker's" in " ".join(summary.reasons)
