"""The one writer of a history: whole lines, whoever writes them, and a clear end on a full disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from orchestrator.errors import RecorderError
from orchestrator.history import recorder as recorder_module
from orchestrator.history.recorder import Recorder, take_anchor
from orchestrator.history.records import ClockAnchorRecord, HistoryRecord
from worker_child.protocol import Note

RUN_ID = "run"


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """A line as any reader sees it."""

    run_id: str
    timestamp: str
    kind: str
    fields: dict[str, object]


def note(number: int = 0, message: str = "") -> Note:
    return Note(t_ns=number, code="x", message=message)


def lines_of(path: Path) -> list[Line]:
    """Every line; a torn one is an error here."""
    data = path.read_bytes()
    assert data.endswith(b"\n") or not data
    return [msgspec.json.decode(line, type=Line) for line in data.splitlines()]


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    made = Recorder(tmp_path / "run.jsonl.partial", RUN_ID)
    yield made
    made.close()


def test_lines_of_many_threads_are_whole_even_where_writes_are_cut_short(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads, each, write_whole = 6, 40, os.write
    monkeypatch.setattr(os, "write", lambda file, data: write_whole(file, data[:500]))
    child_lines = b'{"run_id":"run","timestamp":"","kind":"note","fields":{}}\n' * 20

    def write(number: int) -> None:
        for _ in range(each):
            recorder.append(child_lines)
            recorder.record_all([note(number), note(number, "m" * 5000)])

    writers = [threading.Thread(target=write, args=(number,)) for number in range(threads)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert len(lines_of(recorder.path)) == threads * each * 22
    assert recorder.path.stat().st_size == recorder.bytes_written


def test_what_was_recorded_is_in_the_file_before_the_call_returns(recorder: Recorder) -> None:
    recorder.record(note(5))
    (line,) = lines_of(recorder.path)
    assert (line.run_id, line.kind, line.fields) == (RUN_ID, "note", {"t_ns": 5, "code": "x"})


def test_a_sigkill_loses_nothing_that_was_recorded(tmp_path: Path) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from orchestrator.history.recorder import Recorder
from worker_child.protocol import Note
recorder = Recorder(Path(sys.argv[1]), "run")
for number in range(100):
    recorder.record(Note(t_ns=number, code="x"))
os.kill(os.getpid(), signal.SIGKILL)
"""
    path = tmp_path / "history"
    killed = subprocess.run([sys.executable, "-c", program, path], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [line.fields["t_ns"] for line in lines_of(path)] == list(range(100))


def test_a_write_that_the_kernel_cuts_short_is_finished(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: whole(descriptor, data[:7]))
    recorder.record_all([note(1), note(2)])
    assert [line.fields["t_ns"] for line in lines_of(recorder.path)] == [1, 2]


def test_a_file_that_is_there_already_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_text("somebody's")
    with pytest.raises(RecorderError, match="File exists"):
        Recorder(path, RUN_ID)
    assert path.read_text() == "somebody's"


def test_a_history_is_a_plain_file_that_nobody_can_run(recorder: Recorder) -> None:
    assert recorder.path.stat().st_mode & 0o111 == 0


def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RecorderError, match=r"cannot be written: No such file .* --results"):
        Recorder(tmp_path / "nowhere" / "history", RUN_ID)


FULL = """
import resource, sys
from pathlib import Path
from orchestrator.errors import RecorderError
from orchestrator.history.recorder import Recorder
from worker_child.protocol import Note
recorder = Recorder(Path(sys.argv[1]), "run")
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
try:
    while True:
        recorder.record_all([Note(t_ns=recorder.bytes_written, code="x")] * 3)
except RecorderError as error:
    print(error)
try:
    recorder.record(Note(t_ns=0, code="long", message="m" * 500))
except RecorderError as error:
    print("again")
print(recorder.bytes_written)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
recorder.record(Note(t_ns=1, code="last"))
recorder.close()
"""


def test_a_full_disk_is_a_clear_error_and_every_line_that_fitted_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "history"
    told, again, size = subprocess.run(
        [sys.executable, "-c", FULL, path], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert told == (
        f"the history {path} cannot be written: File too large. What was written before is kept. "
        "Free some space or choose another folder with --results"
    )
    assert again == "again"
    assert 2900 < int(size) <= 3000
    lines = lines_of(path)
    assert [line.fields["code"] for line in lines] == ["x"] * (len(lines) - 1) + ["last"]


def test_a_full_device_is_a_clear_error_even_where_nothing_can_be_cut(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr(recorder, "_descriptor", full)
    with pytest.raises(RecorderError, match="No space left on device"):
        recorder.record(note())
    monkeypatch.undo()
    os.close(full)


def test_what_cannot_be_brought_to_the_disk_is_told(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", refuse)
        with pytest.raises(RecorderError, match="Input/output error"):
            recorder.sync()


def test_an_anchor_lies_in_the_middle_of_its_two_reads() -> None:
    ticks = iter([100, 160])
    anchor = take_anchor(lambda: next(ticks), lambda: 7)
    assert anchor == ClockAnchorRecord(t_ns=130, wall_ns=7, bracket_ns=60)


@pytest.mark.parametrize(
    ("step_ns", "codes"),
    [
        (0, []),
        (999_999, []),
        (1_000_001, ["wall_clock_step"]),
        (-3_600_000_000_000, ["wall_clock_step"]),
    ],
)
def test_only_a_step_of_the_wall_clock_gets_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step_ns: int, codes: list[str]
) -> None:
    recorder = with_anchors(
        tmp_path, monkeypatch, lambda number: 50_000 + (step_ns if number else 0)
    )
    recorder.anchor()
    recorder.anchor()
    recorder.close()
    lines = lines_of(recorder.path)
    assert [line.fields["code"] for line in lines if line.kind == "note"] == codes
    assert [line.kind for line in lines].count("clock_anchor") == 2


def test_timestamps_follow_the_clock_after_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = with_anchors(
        tmp_path, monkeypatch, lambda number: 3_600_000_000_000 if number else 0
    )
    recorder.record(note(1_500_000_000))
    recorder.anchor()
    recorder.record(note(1_500_000_000))
    recorder.close()
    stamps = [line.timestamp for line in lines_of(recorder.path)]
    assert stamps[0] == "1970-01-01T00:00:01.500000Z"
    assert stamps[-1] == "1970-01-01T01:00:01.500000Z"


def with_anchors(
    folder: Path, monkeypatch: pytest.MonkeyPatch, offset_ns: Callable[[int], int]
) -> Recorder:
    """A recorder whose nth anchor lies `offset_ns(n)` from the monotonic clock."""
    count = iter(range(100))

    def anchor() -> ClockAnchorRecord:
        return ClockAnchorRecord(t_ns=10, wall_ns=10 + offset_ns(next(count)), bracket_ns=0)

    monkeypatch.setattr(recorder_module, "take_anchor", anchor)
    return Recorder(folder / "history", RUN_ID)


def test_recording_nothing_writes_nothing(recorder: Recorder) -> None:
    nothing: list[HistoryRecord] = []
    recorder.record_all(nothing)
    assert recorder.bytes_written == 0
