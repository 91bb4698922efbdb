"""When what was there: phases and workers, as a summary tells of them."""

from __future__ import annotations

from pathlib import Path

from analysis.summary.summary import analyse
from tests.histories.builder import Story
from tests.histories.mutator import mended, recorded, text
from tests.histories.stories import crash


def test_phases_last_from_one_note_to_the_next_and_make_up_the_run(tmp_path: Path) -> None:
    lines = mended(recorded()["fan_out"])
    path = tmp_path / "fan_out.jsonl"
    path.write_bytes(b"".join(map(text, lines)))
    phases = analyse(path).run.phases_s

    start, end = lines[0]["fields"]["t_ns"], lines[-1]["fields"]["t_ns"]
    assert list(phases) == ["start", "setup", "load", "hold", "drain", "stop", "audit"]
    assert min(phases.values()) > 0
    assert abs(sum(phases.values()) - (end - start) / 1e9) < 1e-5


def test_each_worker_has_its_life_counted_from_the_beginning(tmp_path: Path) -> None:
    first, second = analyse(crash().write(tmp_path)).run.workers

    assert (first.slot, first.incarnation, first.ended) == (0, 0, "killed")
    assert (second.slot, second.incarnation, second.ended) == (0, 1, "stopped")
    lives = [
        instant
        for one in (first, second)
        for instant in (one.spawned_s, one.ready_s, one.left_s)
        if instant is not None
    ]
    assert len(lives) == 6
    assert lives == sorted(lives)
    assert lives[0] == 0.002


def test_whoever_was_never_seen_to_leave_has_no_end(tmp_path: Path) -> None:
    story = Story()
    worker = story.worker(ready=False)
    story.enqueue("j000000")
    story.end()
    (life,) = analyse(story.write(tmp_path)).run.workers

    assert worker.n == 0
    assert (life.ready_s, life.left_s, life.ended) == (None, None, None)


def test_without_notes_there_are_no_phases_and_without_a_beginning_no_lives(
    tmp_path: Path,
) -> None:
    story = crash()
    story.drop("run_end")
    run = analyse(story.write(tmp_path)).run

    assert (run.phases_s, run.workers) == ({}, [])


def test_a_certificate_says_when_it_was_closed_if_it_was(tmp_path: Path) -> None:
    story = crash()
    sent, seen = story.first("fault_injected")["t_ns"], story.first("fault_ended")["t_ns"]
    (kill,) = analyse(story.write(tmp_path)).recovery
    assert kill.certificate.closed_s == (seen - sent) / 1e9

    story.drop("fault_ended")
    (kill,) = analyse(story.write(tmp_path)).recovery
    assert kill.certificate.closed_s is None
