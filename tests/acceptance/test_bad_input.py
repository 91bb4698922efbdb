"""Whatever is wrong: a sentence, an exit code, no traceback, nothing lost and nothing left."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from orchestrator.postgres.server import Server
from tests.acceptance.room import LIMIT_S, ROOT, Room

RUN_ID = "tiny_kill-pgqueuer-tuned-001"
QUIET = ("faults=[]", "expectations={}", "workload.duration_s=1", "limits.drain_s=1")
"""A run of some two seconds: no kill, and no long wait for jobs that nobody takes."""

pytestmark = pytest.mark.database

# Names and files


def test_an_unknown_name_is_refused_with_the_nearest_one(room: Room) -> None:
    said = room.run("--scenario=crash_recovry")
    said.assert_refused("scenario crash_recovry", 'did you mean "crash_recovery"')
    assert room.names() == []


@pytest.mark.parametrize("command", [[], ["conformance"]])
def test_an_adapter_that_cannot_be_imported_is_refused_with_its_line(
    room: Room, tmp_path: Path, command: list[str]
) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    manifest = 'name = "broken"\ninbox = "inbox:Broken"\nlanguage = "python"\n'
    (folder / "adapter.toml").write_text(manifest)
    (folder / "inbox.py").write_text("class Broken:\n    presets = ('stock')\n    def name(self)\n")
    arguments = [*command, str(folder)] if command else [f"--library={folder}"]
    room.run(*arguments).assert_refused(f"{folder}/inbox.py:3: SyntaxError: expected ':'")
    assert room.names() == []


def test_a_malformed_scenario_file_is_refused_with_the_place(room: Room, tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("seed = 1\n[workload\n")
    room.run(f"--scenario={broken}").assert_refused("broken.toml", "not TOML", "line 2")


def test_all_flaws_of_a_scenario_are_told_at_once(room: Room) -> None:
    said = room.run(*room.tiny("seeed=1", "workload.rate_per_s=-1"))
    said.assert_refused("2 things are wrong", 'did you mean "seed"?', "workload.rate_per_s")
    assert room.names() == []


# The database


@pytest.mark.parametrize(
    ("dsn", "words"),
    [
        ("host=127.0.0.1 port=1 user=me password=hunter2", ["host=127.0.0.1", "refused"]),
        ("postgresql://me:hunter2@/x?host=/nowhere", ["/nowhere", "No such file"]),
        ("postgresql://me:hunter2@h@h/x", ["'@' where none belongs"]),
        ("host 'hunter2", ["not a connection string"]),
    ],
)
def test_a_server_that_cannot_be_reached_is_named_without_its_password(
    room: Room, dsn: str, words: list[str]
) -> None:
    said = room.run(*room.tiny(dsn=dsn))
    said.assert_refused(*words)
    assert "hunter2" not in said.out + said.error
    assert room.names() == []


def test_a_read_only_server_is_refused_with_what_to_do(room: Room) -> None:
    read_only = make_conninfo(room.dsn, options="-c default_transaction_read_only=on")
    said = room.run(*room.tiny(dsn=read_only))
    said.assert_refused("read-only", "default_transaction_read_only = off")
    assert room.names() == []


def test_a_role_that_may_not_make_databases_is_refused_with_what_to_do(
    room: Room, server: Server
) -> None:
    said = room.run(*room.tiny(dsn=make_conninfo(server.worker_dsn, dbname="postgres")))
    said.assert_refused("may not create databases", "CREATEDB")
    assert room.names() == []


# The results folder


def test_a_results_folder_that_cannot_be_written_is_refused(room: Room) -> None:
    room.results.write_text("a file of mine")
    said = room.run(*room.tiny())
    said.assert_refused(str(room.results), "cannot be written", "--results")
    assert said.out == "", "no plan is told of a run that cannot be"
    assert room.results.read_text() == "a file of mine"
    room.results = Path("/proc/results")
    room.run(*room.tiny()).assert_refused("/proc/results", "cannot be written", "--results")


@pytest.mark.parametrize("command", ["matrix", "calibrate", "conformance"])
def test_a_results_folder_that_is_a_file_is_refused_before_anything_starts(
    room: Room, command: str
) -> None:
    room.results.write_text("a file of mine")
    arguments = [command, "pgqueuer"] if command == "conformance" else [command]
    said = room.run(*arguments, f"--dsn={room.dsn}")
    said.assert_refused(str(room.results), "cannot be written: File exists", "--results")
    assert (said.out, said.error.count("\n")) == ("", 1)
    assert room.results.read_text() == "a file of mine"


def test_a_foreign_file_in_the_place_of_the_history_is_kept(room: Room) -> None:
    room.results.mkdir()
    (room.results / f"{RUN_ID}.jsonl").write_text("my diary\n")
    said = room.run(*room.tiny())
    said.assert_refused("does not begin like a history", "--overwrite")
    assert (room.results / f"{RUN_ID}.jsonl").read_text() == "my diary\n"
    assert room.names() == [f"{RUN_ID}.jsonl"]


def test_a_disk_that_fills_up_ends_the_run_and_keeps_what_was_written(room: Room) -> None:
    said = room.run(*room.tiny(), first="ulimit -f 40")
    partial = f"{RUN_ID}.jsonl.partial"
    said.assert_refused(partial, "File too large", "What was written before is kept", "--results")
    kinds = [line["kind"] for line in room.lines(partial)]
    assert kinds[0] == "run_start"
    assert "child_spawned" in kinds
    assert "run_end" not in kinds
    judged = room.run(str(room.results / partial), module="analysis")
    assert judged.code == 3, judged.out + judged.error


def test_one_run_at_a_time_and_what_an_earlier_one_left_is_kept(room: Room) -> None:
    partial = room.results / f"{RUN_ID}.jsonl.partial"
    room.results.mkdir()
    partial.write_text('{"run_id":"stale')
    with subprocess.Popen(
        room.command(*room.tiny(*QUIET)),
        cwd=ROOT,
        env=room.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as first:
        aside = partial.with_name(f"{partial.name}.1")
        deadline_s = time.monotonic() + LIMIT_S
        while not (aside.exists() and partial.exists()):
            assert time.monotonic() < deadline_s, "the first run has not begun"
            time.sleep(0.01)
        second = room.run(*room.tiny(*QUIET))
        assert first.poll() is None, "the first run was over before the second one began"
        _, error = first.communicate(timeout=LIMIT_S)
    second.assert_refused(f"another process is carrying out {RUN_ID}", "--ordinal")
    assert (first.returncode, "Traceback" in error) == (0, False), error
    assert aside.read_text() == '{"run_id":"stale'
    fields = [line["fields"] for line in room.lines(f"{RUN_ID}.jsonl")]
    (note,) = [note for note in fields if note.get("code") == "stale_partial"]
    assert note["message"].endswith(f"was moved to {aside.name}")

    other_seed = room.run(*room.tiny(*QUIET), "--seed=8")
    other_seed.assert_refused("another scenario text or seed", "--overwrite")


# Children


@pytest.mark.parametrize(
    ("behaviour", "ready_s", "words"),
    [
        (
            "never_ready",
            3,
            ["not ready within 3 s (limits.ready_s)", "still looking for the queue"],
        ),
        (
            "dies_at_start",
            50,
            ["died before it was ready, with exit code 3", "there is no queue here"],
        ),
    ],
)
def test_a_worker_that_does_not_come_to_work_ends_the_run_with_what_it_said(
    room: Room, behaviour: str, ready_s: int, words: list[str]
) -> None:
    said = room.run(
        *room.tiny(*QUIET, f"limits.ready_s={ready_s}"),
        "--library=fake",
        f"--preset={behaviour}",
        module="tests.acceptance.with_fake_library",
    )
    said.assert_refused(*words, code=3)
    (end,) = [
        line["fields"]
        for line in room.lines(f"tiny_kill-fake-{behaviour}-001.jsonl.partial")
        if line["kind"] == "run_end"
    ]
    assert end["ended"] == "failed"
    assert words[0] in end["error"]


def test_garbage_and_over_long_lines_on_the_wire_make_the_run_invalid_and_harm_nothing(
    room: Room,
) -> None:
    said = room.run(
        *room.tiny(*QUIET),
        "--library=fake",
        "--preset=writes_garbage",
        module="tests.acceptance.with_fake_library",
    )
    assert said.code == 3, said.out + said.error
    assert "Traceback" not in said.error
    history = room.lines("tiny_kill-fake-writes_garbage-001.jsonl")
    notes = [line["fields"] for line in history if line["kind"] == "note"]
    assert sum(note["code"] == "bad_line" for note in notes) == 2
    assert sum(note["code"] == "after" for note in notes) == 1, "the good line after is kept"
