"""A pause: carried out, certified once it is over, and what the summary says of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from analysis.summary.summary import analyse
from orchestrator.history.records import FaultEnded, FaultInjected
from orchestrator.history.sessions import Session
from orchestrator.processes import linux
from orchestrator.scenario.faults import Pause
from tests.histories.builder import Story
from tests.histories.stories import A, B, C
from tests.unit.campaign_world import LIMITS, Make, World, make_world
from tests.unit.stand_ins import S

Parts = dict[str, Any]
PAUSE_S = 30.0


# Carried out


class States:
    """What is seen of the victim's threads: they are stopped while it is, unless they are deaf."""

    def __init__(self, world: World) -> None:
        self.deaf: set[str] = set()
        self._victim = world.victim()

    def __call__(self, pid: int) -> set[str]:
        if pid != self._victim.pid:
            return set()
        paused = self._victim.paused_ns is not None
        return ({"T"} if paused else {"S", "R"}) | self.deaf


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    return partial(make_world, monkeypatch)


def paused(make: Make, monkeypatch: pytest.MonkeyPatch) -> tuple[World, States]:
    world = make(Pause(at_s=1.0, pause_s=PAUSE_S))
    states = States(world)
    monkeypatch.setattr(linux, "thread_states", states)
    victim = world.victim()
    monkeypatch.setattr(victim, "survivors", lambda: [victim.pid])
    world.probe.open_sessions[victim.init.application_name] = [Session(7, "then")]
    world.start()
    return world, states


def test_a_pause_is_certified_once_it_is_over_however_long_it_lasts(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, _ = paused(make, monkeypatch)
    assert LIMITS.sessions_gone_s < PAUSE_S
    world.turn(PAUSE_S)
    (sent,) = world.records(FaultInjected)
    assert (sent.what, sent.ends_process) == ("pause", False)
    assert world.records(FaultEnded) == [] and world.campaign.busy
    world.turn(1.2)
    (seen,) = world.records(FaultEnded)
    end = seen.after
    assert (end.members, end.sessions_held, end.lived) == ([world.victim().pid], [7], True)
    assert sent.t_ns <= end.stopped_ns < sent.t_ns + S
    assert end.stopped_ns < end.still_stopped_ns <= end.continued_ns <= end.running_ns
    assert end.continued_ns - sent.t_ns >= PAUSE_S * S
    assert not world.campaign.busy


def test_what_is_paused_is_looked_at_now_and_then_and_nothing_hurries(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, _ = paused(make, monkeypatch)
    world.turn(1.1)
    assert world.campaign.hurries
    world.turn(2.0)
    assert world.campaign.certifying and not world.campaign.hurries


@pytest.mark.parametrize("deaf", ["R", "t"])
def test_a_thread_that_was_not_stopped_leaves_the_certificate_open(
    make: Make, monkeypatch: pytest.MonkeyPatch, deaf: str
) -> None:
    world, states = paused(make, monkeypatch)
    states.deaf.add(deaf)
    world.turn(PAUSE_S + 1.5)
    (seen,) = world.records(FaultEnded)
    assert seen.after.stopped_ns is None


def test_a_worker_that_stays_stopped_is_certified_at_the_limit_as_not_seen_to_go_on(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, states = paused(make, monkeypatch)
    states.deaf.add("T")
    world.turn(1.0 + PAUSE_S + LIMITS.sessions_gone_s - 1.0)
    assert world.records(FaultEnded) == []
    world.turn(2.0)
    (seen,) = world.records(FaultEnded)
    assert seen.after.running_ns is None


# Told by a history


def story() -> Story:
    """The worker of slot 0 is stopped with A and B open, having done C and not begun D."""
    story = Story()
    story.first("run_start")["scenario"]["workers"]["slots"] = 2
    first, second = story.worker(), story.worker(slot=1)
    story.enqueue(A, B, C, "j000003")
    first.run(C)
    first.start(A)
    first.start(B)
    story.wait(0.01)
    sent = story.record("fault_injected", **_common(first.pid), **_sent(story))
    stopped_ns = story.now_ns + 1
    story.wait(5)
    second.run(A)
    second.run(C)
    second.run("j000003")
    story.wait(5)
    continued_ns = story.now_ns
    story.wait(0.01)
    first.complete(A)
    first.complete(B)
    first.run("j000003")
    parts = {
        "members": [first.pid],
        "stopped_ns": stopped_ns,
        "still_stopped_ns": continued_ns - 1,
        "sessions_held": [7],
        "continued_ns": continued_ns,
        "running_ns": continued_ns + 1,
        "lived": True,
    }
    story.record("fault_ended", **_common(first.pid), parts=parts)
    story.exit(first)
    story.exit(second)
    story.end()
    pause_s = (continued_ns - sent["t_ns"]) / 1e9
    entry = {"what": "pause", "pause_s": pause_s, "when": {"completed": 1}}
    story.first("run_start")["scenario"]["faults"] = [entry]
    return story


def _common(pid: int) -> Parts:
    target = {"kind": "worker", "slot": 0, "incarnation": 0, "pid": pid}
    return {"fault": 0, "what": "pause", "target": target}


def _sent(story: Story) -> Parts:
    return {
        "ends_process": False,
        "trigger": "state",
        "biased": True,
        "intended_ns": story.now_ns,
        "parts": {"sessions": [{"pid": 7, "backend_start": "then"}]},
    }


def test_a_summary_says_what_others_took_and_what_was_done_all_the_same(tmp_path: Path) -> None:
    summary = analyse(story().write(tmp_path))
    assert summary.verdict == "pass", summary.reasons
    (pause,) = summary.pauses
    assert (pause.open, pause.taken, pause.completed_late) == (2, 1, 1)
    assert (pause.done_again, pause.begun_late, pause.lived) == (1, 1, True)
    (taken,) = pause.taken_over
    assert (taken.job, taken.execution, taken.other) == (A, (0, 0, 2), (1, 0, 1))
    assert taken.overlapped and taken.other_completed_ns is not None
    assert taken.completed_ns is not None and taken.completed_ns > taken.other_completed_ns
    assert (summary.jobs.duplicated, summary.crash.duplicates_live) == (3, 3)
    (told,) = (text for text in summary.findings if text.startswith("Pause 1"))
    assert "Of its 2 open executions the jobs of 1 were taken" in told


def test_who_took_a_job_after_the_pause_has_not_taken_it_meanwhile(tmp_path: Path) -> None:
    changed = story()
    ended = changed.first("fault_ended")["parts"]
    sent_ns = changed.first("fault_injected")["t_ns"]
    ended.update(still_stopped_ns=sent_ns + 20, continued_ns=sent_ns + 30, running_ns=sent_ns + 40)
    changed.first("run_start")["scenario"]["faults"][0]["pause_s"] = 1e-9
    (pause,) = analyse(changed.write(tmp_path)).pauses
    assert (pause.taken, pause.done_again, pause.begun_late) == (0, 0, 0)


WITHOUT: list[tuple[str, Callable[[Parts, Parts], object], str]] = [
    ("no members", lambda _, after: after.pop("members"), "not seen stopped"),
    ("no stop", lambda _, after: after.pop("stopped_ns"), "not seen stopped"),
    ("no last look", lambda _, after: after.pop("still_stopped_ns"), "not seen stopped"),
    ("no session held", lambda _, after: after.pop("sessions_held"), "seen to be held meanwhile"),
    ("no SIGCONT", lambda _, after: after.pop("continued_ns"), "SIGCONT was sent"),
    ("no going on", lambda _, after: after.pop("running_ns"), "it was not seen to go on"),
    (
        "gone on too soon",
        lambda _, after: after.update(still_stopped_ns=after["continued_ns"] + 1),
        "it went on before it was seen stopped",
    ),
    ("no session", lambda before, _: before.update(sessions=[]), "no session of the worker"),
    (
        "a session of nobody's",
        lambda before, _: before.update(unknown_sessions=[{"pid": 9, "backend_start": "then"}]),
        "sessions that bear no name of the run were open",
    ),
]


@pytest.mark.parametrize(("what", "change", "reason"), WITHOUT, ids=[what for what, *_ in WITHOUT])
def test_a_pause_without_a_part_of_its_certificate_voids_the_run(
    tmp_path: Path, what: str, change: Callable[[Parts, Parts], object], reason: str
) -> None:
    changed = story()
    change(changed.first("fault_injected")["parts"], changed.first("fault_ended")["parts"])
    summary = analyse(changed.write(tmp_path))
    assert summary.verdict == "invalid"
    assert reason in " ".join(summary.reasons)


def test_a_line_of_a_worker_that_is_said_to_be_stopped_voids_the_run(tmp_path: Path) -> None:
    changed = story()
    at_ns = changed.first("fault_ended")["parts"]["stopped_ns"] + 1000
    changed.first("job_completed", slot=0, job_id=A)["t_ns"] = at_ns
    summary = analyse(changed.write(tmp_path))
    assert summary.verdict == "invalid"
    assert "fault 1 paused wrote 1 lines while it is said to have been stopped" in " ".join(
        summary.reasons
    )


def test_a_pause_that_was_shorter_than_planned_voids_the_run(tmp_path: Path) -> None:
    changed = story()
    changed.first("run_start")["scenario"]["faults"][0]["pause_s"] += 1.0
    summary = analyse(changed.write(tmp_path))
    assert summary.verdict == "invalid"
    assert "let its worker go on sooner than was planned" in " ".join(summary.reasons)
