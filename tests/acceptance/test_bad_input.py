"""Whatever is wrong: a sentence, an exit code, no traceback, nothing lost and nothing left."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from orchestrator.documents.examples import EXAMPLES, line_of
from orchestrator.history.records import RunStart
from orchestrator.postgres.server import DATABASE, Server
from orchestrator.processes import linux
from orchestrator.scenario.load import load_scenario
from orchestrator.workers.child import RUN_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = ROOT / "tests" / "scenarios" / "tiny_kill.toml"
RUN_ID = "tiny_kill-pgqueuer-tuned-001"
LIMIT_S = 60.0
QUIET = ("faults=[]", "expectations={}", "workload.duration_s=1", "limits.drain_s=1")
"""A run of some two seconds: no kill, and no long wait for jobs that nobody takes."""

pytestmark = pytest.mark.database


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    error: str

    def assert_refused(self, *words: str, code: int = 2) -> None:
        """It ended with `code`, and its error names each of `words` in a readable sentence."""
        assert self.code == code, self.out + self.error
        for word in words:
            assert word in self.error
        assert "Traceback" not in self.out + self.error


class Room:
    """A results folder and a folder for temporary things, both empty, and a server."""

    def __init__(self, results: Path, temporary: Path, dsn: str) -> None:
        self.results = results
        self.temporary = temporary
        self.dsn = dsn

    def command(self, *arguments: str, module: str = "orchestrator") -> list[str]:
        given = [sys.executable, "-m", module, *arguments]
        return given if module == "analysis" else [*given, f"--results={self.results}"]

    def environment(self) -> dict[str, str]:
        return {**os.environ, "TMPDIR": str(self.temporary), "COLUMNS": "200"}

    def run(self, *arguments: str, module: str = "orchestrator", first: str = "") -> Said:
        """Carry the command out; `first` is what a shell does before, in the same process."""
        command = self.command(*arguments, module=module)
        if first:
            command = ["/bin/sh", "-c", f'{first}; exec "$@"', "sh", *command]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def tiny(self, *values: str, dsn: str | None = None) -> list[str]:
        """The arguments of a small run on the test's own server."""
        sets = [f"--set={value}" for value in values]
        return [f"--scenario={SCENARIO}", f"--dsn={self.dsn if dsn is None else dsn}", *sets]

    def names(self) -> list[str]:
        """What a user sees in the results folder."""
        if not self.results.is_dir():
            return []
        return sorted(path.name for path in self.results.iterdir() if path.name[0] != ".")

    def lines(self, name: str) -> list[dict[str, Any]]:
        """Every line of a history; a torn one is an error here."""
        return [json.loads(line) for line in (self.results / name).read_bytes().splitlines()]

    def assert_nothing_left(self) -> None:
        """No process of a run of this room's, no temporary directory, no database."""
        marks = (f"{RUN_VARIABLE}=tiny_kill-".encode(), str(self.temporary).encode())
        marked = [
            process.pid
            for process in linux.living()
            if all(mark in _environment(process.pid) for mark in marks)
        ]
        assert marked == []
        assert list(self.temporary.iterdir()) == []
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            found = connection.execute(
                "SELECT datname FROM pg_database WHERE datname LIKE %s", (f"{DATABASE}\\_%",)
            ).fetchall()
        assert found == []


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""


@pytest.fixture
def room(tmp_path: Path, server: Server) -> Iterator[Room]:
    temporary = Path(tempfile.mkdtemp(prefix="cbt-", dir="/tmp"))
    temporary.chmod(0o711)
    made = Room(tmp_path / "results", temporary, make_conninfo(server.dsn, dbname="postgres"))
    yield made
    made.assert_nothing_left()
    shutil.rmtree(temporary)


# Names and files


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--scenario=crash_recovry"], ["scenario crash_recovry", 'did you mean "crash_recovery"']),
        (["--library=pgqueue"], ["no library 'pgqueue'", 'did you mean "pgqueuer"?']),
        (["--preset=tunde"], ["no preset 'tunde'", 'did you mean "tuned"?']),
        (["--preset=zzz"], ["no preset 'zzz'; there are", "tuned"]),
        (["--set=workload.rate_s=3"], ["workload.rate_s", 'did you mean "rate_per_s"?']),
        (["--scenario=/nowhere/my.toml"], ["/nowhere/my.toml", "No such file"]),
        (["--ordinal=0"], ["--ordinal", "greater than or equal to 1"]),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_one_or_with_all(
    room: Room, arguments: list[str], words: list[str]
) -> None:
    room.run(*arguments).assert_refused(*words)
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
    ("behaviour", "words"),
    [
        ("never_ready", ["not ready within 1.5 s (limits.ready_s)", "still looking for the queue"]),
        ("dies_at_start", ["died before it was ready, with exit code 3", "there is no queue here"]),
    ],
)
def test_a_worker_that_does_not_come_to_work_ends_the_run_with_what_it_said(
    room: Room, behaviour: str, words: list[str]
) -> None:
    said = room.run(
        *room.tiny(*QUIET, "limits.ready_s=1.5"),
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


# Histories


def history_lines() -> list[str]:
    """A small history that can be read: lines as the documents show them."""
    start = EXAMPLES["run_start"]
    assert isinstance(start, RunStart)
    scenario = load_scenario(str(SCENARIO))
    records = [
        msgspec.structs.replace(start, scenario=scenario),
        EXAMPLES["child_spawned"],
        EXAMPLES["run_end"],
    ]
    return [line_of(record) + "\n" for record in records]


START, SPAWNED, END = history_lines()
FOREIGN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "prose": (b"Dear diary,\n", "line 1: this is no line of a history"),
    "binary": (b"\x7fELF\xff\xfe\x00\n", "line 1: this is no line of a history"),
    "others": (b'{"level":"info","msg":"hello"}\n', "line 1: this is no line of a history"),
    "latin": (b'{"run_id":"\xff","timestamp":"","kind":"note"}\n', "line 1: this is no line"),
    "damaged": ((START + SPAWNED[:50] + "\n" + END).encode(), "line 2: the line is malformed"),
    "mixed": (
        (START + SPAWNED.replace('{"run_id":"', '{"run_id":"other-')).encode(),
        "line 2: the line belongs to run 'other-",
    ),
}


def test_foreign_and_damaged_histories_are_refused_with_the_line_and_the_others_judged(
    room: Room,
) -> None:
    room.results.mkdir()
    for name, (content, _) in FOREIGN.items():
        (room.results / f"{name}.jsonl").write_bytes(content)
    (room.results / "readable.jsonl").write_text(START + SPAWNED + END)
    said = room.run(str(room.results), module="analysis")
    said.assert_refused(*(f"{name}.jsonl" for name in FOREIGN))
    for name, (_, words) in FOREIGN.items():
        (told,) = [line for line in said.error.splitlines() if f"{name}.jsonl" in line]
        assert words in told
    assert [name for name in room.names() if not name.endswith(".jsonl")] == [
        "readable.summary.json"
    ]


@pytest.mark.parametrize("name", ["prose", "latin", "damaged"])
def test_a_foreign_or_damaged_history_is_not_reproduced(room: Room, name: str) -> None:
    room.results.mkdir()
    history = room.results / f"{name}.jsonl"
    history.write_bytes(FOREIGN[name][0])
    room.run("reproduce", str(history), f"--dsn={room.dsn}").assert_refused(history.name)
    assert room.names() == [history.name]


def test_a_history_with_a_torn_last_line_is_read_up_to_it_and_not_passed(room: Room) -> None:
    room.results.mkdir()
    history = room.results / "some.jsonl.partial"
    history.write_text(START + SPAWNED + END[:40])
    said = room.run(str(history), module="analysis")
    assert said.code == 3, said.out + said.error
    assert "Traceback" not in said.error


@pytest.mark.parametrize("command", [[], ["explain", "RUN", "j000001"], ["jobs", "RUN"]])
def test_a_history_that_is_not_there_is_named(room: Room, command: list[str]) -> None:
    missing = str(room.results / "some.jsonl")
    arguments = [missing if word == "RUN" else word for word in command] or [missing]
    room.run(*arguments, module="analysis").assert_refused("some.jsonl", "No such file")


def test_a_folder_without_a_finished_history_is_named(room: Room) -> None:
    room.results.mkdir()
    said = room.run(str(room.results), module="analysis")
    said.assert_refused("no finished history", str(room.results))
