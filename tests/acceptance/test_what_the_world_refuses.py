"""What the world refuses the reading commands: one sentence on stderr, exit code 2, in bounds."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.histories.builder import Story
from tests.histories.stories import A, crash

ROOT = Path(__file__).parent.parent.parent
LIMIT_S = 60
FULL = Path("/dev/full")
PROGRAMS = {
    "judge": ["analysis", "RUN"],
    "jobs": ["analysis", "jobs", "RUN"],
    "results": ["analysis", "results", "RUN"],
    "explain": ["analysis", "explain", "RUN", A],
    "report": ["analysis", "report", "RUN", "--output=PAGE"],
    "help": ["analysis", "--help"],
    "crashbench jobs": ["orchestrator", "jobs", "RUN"],
    "crashbench adapters": ["orchestrator", "adapters"],
}


def words(program: list[str], run: Path) -> list[str]:
    instead = {"RUN": str(run), "--output=PAGE": f"--output={run.parent / 'page.html'}"}
    return [sys.executable, "-m", *(instead.get(word, word) for word in program)]


def assert_one_sentence(code: int, said: str, *wanted: str) -> None:
    assert code == 2, said
    assert len(said.splitlines()) == 1, said
    assert "Traceback" not in said
    assert [word for word in wanted if word not in said] == [], said


def analysed(path: Path, *, memory: int | None = None) -> subprocess.CompletedProcess[str]:
    def bound() -> None:
        if memory is not None:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

    return subprocess.run(
        [sys.executable, "-m", "analysis", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        preexec_fn=bound,
        check=False,
    )


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return crash().write(tmp_path)


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_output_that_is_full_is_said_and_leaves_with_2(program: str, run: Path) -> None:
    with FULL.open("wb") as full:
        ended = subprocess.run(
            words(PROGRAMS[program], run),
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    assert_one_sentence(ended.returncode, ended.stderr, "output", "No space left on device")


@pytest.mark.parametrize("program", ["judge", "jobs", "crashbench adapters"])
def test_a_reader_that_has_gone_is_said_and_leaves_with_2(program: str, run: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        words(PROGRAMS[program], run),
        cwd=ROOT,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    os.close(writing)
    assert_one_sentence(ended.returncode, ended.stderr, "output", "Broken pipe")


@pytest.mark.parametrize("program", ["judge", "jobs"])
def test_a_full_stderr_beside_a_full_stdout_still_leaves_with_2(program: str, run: Path) -> None:
    with FULL.open("wb") as full:
        ended = subprocess.run(
            words(PROGRAMS[program], run),
            cwd=ROOT,
            stdout=full,
            stderr=full,
            env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
            check=False,
        )
    assert ended.returncode == 2


def test_a_fifo_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    fifo = tmp_path / "some.jsonl"
    os.mkfifo(fifo)
    ended = analysed(fifo)
    assert_one_sentence(ended.returncode, ended.stderr, "some.jsonl", "this is a FIFO")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_device_is_refused_and_not_read(device: str) -> None:
    ended = analysed(Path(device))
    assert_one_sentence(ended.returncode, ended.stderr, "this is a device")


def test_a_folder_called_like_a_history_is_refused(tmp_path: Path) -> None:
    (tmp_path / "inner" / "some.jsonl").mkdir(parents=True)
    ended = analysed(tmp_path / "inner")
    assert_one_sentence(ended.returncode, ended.stderr, "some.jsonl", "this is a folder")


@pytest.mark.parametrize("before", [b"", b"HISTORY"], ids=["first line", "last line"])
def test_a_line_of_100_mb_is_refused_without_being_gathered(
    before: bytes, run: Path, tmp_path: Path
) -> None:
    path = tmp_path / "long.jsonl"
    path.write_bytes(before.replace(b"HISTORY", run.read_bytes()) + b"x" * 100_000_000)
    began_s = time.monotonic()
    ended = analysed(path)
    took_s = time.monotonic() - began_s
    assert_one_sentence(ended.returncode, ended.stderr, "longer than 16,777,216 bytes")
    assert took_s < LIMIT_S / 3, "each block was copied again for every one that came after"


FOUND = ROOT / "tests" / "found" / "held_jobs_nine_milliards.jsonl"
NOT_OURS = "Crashbench did not write that line"


def numbered(kind: str, field: str, number: int) -> str:
    story = crash()
    story.first(kind)[field] = number
    return "\n".join(story.lines())


def planned(**changed: object) -> str:
    story = crash()
    story.first("run_start")["scenario"] |= changed
    return "\n".join(story.lines())


TOO_MUCH: dict[str, tuple[str, tuple[str, ...]]] = {
    **{
        f"{name} {number}": (
            numbered("run_end", name, number),
            (f"{number:,} jobs ({name})", "bytes"),
        )
        for name in ("held_jobs", "stream_jobs")
        for number in (9_000_000_000, 2**62)
    },
    "found": (FOUND.read_text().rstrip("\n"), ("9,000,000,000 jobs (held_jobs)",)),
    **{
        f"{kind} {field}": (numbered(kind, field, number), (NOT_OURS,))
        for kind, field, number in (
            ("job_enqueued", "intended_ns", 4 * 10**18),
            ("job_completed", "t_ns", 4 * 10**18),
            ("child_ready", "slot", 4 * 10**18),
            ("job_started", "execution", 2**40),
            ("fault_injected", "t_ns", 4 * 10**18),
        )
    },
    "slots": (
        planned(workers={"slots": 9_000_000_000, "concurrency": 4, "max_attempts": 5}),
        (".slots`", "line 1"),
    ),
    "repeat": (
        planned(faults=[{"what": "kill", "repeat": 9_000_000_000}]),
        (".repeat`", "line 1"),
    ),
}
"""By what it has too much of: a history, and what its refusal says."""


@pytest.fixture(scope="module")
def judged_in_bounds(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """All of these histories, judged in one process that has little memory."""
    folder = tmp_path_factory.mktemp("too_much")
    for name, (history, _) in TOO_MUCH.items():
        (folder / f"{name}.jsonl").write_text(f"{history}\n")
    return analysed(folder, memory=2_000_000_000)


@pytest.mark.parametrize("name", TOO_MUCH)
def test_a_number_beyond_what_the_file_holds_is_refused_and_does_not_fill_the_memory(
    name: str, judged_in_bounds: subprocess.CompletedProcess[str]
) -> None:
    told = [line for line in judged_in_bounds.stderr.splitlines() if f"{name}.jsonl" in line]
    assert_one_sentence(judged_in_bounds.returncode, "\n".join(told), *TOO_MUCH[name][1])


def test_each_of_them_is_told_of_and_nothing_else_is(
    judged_in_bounds: subprocess.CompletedProcess[str],
) -> None:
    assert len(judged_in_bounds.stderr.splitlines()) == len(TOO_MUCH)


def test_a_held_job_that_nobody_enqueued_is_still_named(tmp_path: Path) -> None:
    story = crash()
    story.first("run_end")["held_jobs"] = 700
    ended = analysed(story.write(tmp_path))
    assert ended.returncode == 3
    assert "700 planned jobs" in ended.stdout
    assert "h000000" in ended.stdout


def test_exhausted_memory_is_a_sentence(run: Path) -> None:
    program = (
        "import sys, analysis.history.load as load\n"
        "from analysis.__main__ import main\n"
        "load._by_kind = lambda *_: bytearray(10**12)\n"
        "main(sys.argv[1:])\n"
    )
    for command in ([], ["jobs"]):
        ended = subprocess.run(
            [sys.executable, "-c", program, *command, str(run)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert_one_sentence(ended.returncode, ended.stderr, "memory is exhausted")


def test_an_empty_story_is_no_reason_for_any_of_it(tmp_path: Path) -> None:
    story = Story()
    story.exit(story.worker())
    story.end()
    assert analysed(story.write(tmp_path)).returncode in (0, 3)


REFUSED = {
    "a folder without a history": (["analysis", "FOLDER"], "there is no finished history"),
    "bytes that are no text": (["analysis", "BYTES"], "this is no line of a history"),
    "a page in a folder that is not there": (
        ["analysis", "report", "RUN", "--output=FOLDER/none/page.html"],
        "No such file or directory",
    ),
    "pages where a file is": (["analysis", "results", "RUN", "--pages=BYTES"], "BYTES"),
    "a run that is not there, to be repeated": (
        ["orchestrator", "reproduce", "FOLDER/none.jsonl"],
        "none.jsonl",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_as_it_was_named_is_said_and_leaves_with_2(name: str, run: Path) -> None:
    program, says = REFUSED[name]
    folder, noise = run.parent / "folder", run.parent / "noise.jsonl"
    folder.mkdir()
    noise.write_bytes(bytes(range(256)))
    places = {"FOLDER": str(folder), "BYTES": str(noise), "RUN": str(run)}
    named = [re.sub("FOLDER|BYTES|RUN", lambda it: places[str(it[0])], word) for word in program]
    ended = subprocess.run(
        [sys.executable, "-m", *named],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert_one_sentence(ended.returncode, ended.stderr, places.get(says, says))
