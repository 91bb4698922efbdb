"""The files of one run: one process at a time, nothing of an older run lost by accident."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from orchestrator.documents.examples import EXAMPLES, line_of
from orchestrator.errors import ResultsError
from orchestrator.history.files import RunFiles, claim_run, require_writable
from orchestrator.history.records import RunStart

RUN_ID = "s-l-p-001"
DIGEST = "d" * 64


@contextmanager
def claim(folder: Path, digest: str = DIGEST, *, overwrite: bool = False) -> Iterator[RunFiles]:
    with claim_run(folder, RUN_ID, digest, overwrite=overwrite) as files:
        yield files


def complete(files: RunFiles, digest: str = DIGEST, text: str = "") -> None:
    """What a run does: write a history and logs, then finish."""
    start = EXAMPLES["run_start"]
    assert isinstance(start, RunStart)
    line = line_of(msgspec.structs.replace(start, scenario_sha256=digest))
    files.partial.write_text(line + "\n" + text)
    (files.partial_logs / "log").write_text(text)
    files.finish()


def names(folder: Path) -> list[str]:
    """What a user sees in the folder."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_a_complete_run_has_its_history_and_logs_in_place(tmp_path: Path) -> None:
    with claim(tmp_path / "new" / "results") as files:
        assert names(files.folder) == [f"{RUN_ID}.logs.partial"]
        complete(files)
    assert names(files.folder) == [f"{RUN_ID}.jsonl", f"{RUN_ID}.logs"]


def test_the_same_run_again_takes_the_place_of_the_old_one_only_when_complete(
    tmp_path: Path,
) -> None:
    with claim(tmp_path) as files:
        complete(files, text="old")
        files.summary.write_text("old")
    with claim(tmp_path) as files:
        assert files.history.read_text().endswith("old")
        complete(files, text="new")
    assert files.history.read_text().endswith("new")
    assert (files.logs / "log").read_text() == "new"
    assert not files.summary.exists(), "a summary of another history would lie"


def test_an_unfinished_run_leaves_the_old_one_alone(tmp_path: Path) -> None:
    with claim(tmp_path) as files:
        complete(files, text="old")
    with claim(tmp_path) as files:
        files.partial.write_text("half")
    assert files.history.read_text().endswith("old")
    assert files.partial.read_text() == "half"


def test_a_run_of_another_scenario_text_or_seed_is_refused_and_nothing_is_touched(
    tmp_path: Path,
) -> None:
    with claim(tmp_path) as files:
        complete(files)
    before = names(tmp_path)
    with (
        pytest.raises(ResultsError, match=r"another scenario text or seed.*--overwrite"),
        claim(tmp_path, "e" * 64),
    ):
        pytest.fail("claimed")
    assert names(tmp_path) == before
    with claim(tmp_path, "e" * 64, overwrite=True) as files:
        complete(files, "e" * 64, text="other")
    assert files.history.read_text().endswith("other")


@pytest.mark.parametrize(
    "text", [b"", b"hello\n", b'{"run_id":"\xff"}\n', b'{"run_id":"x","kind":"note"}\n']
)
def test_a_file_that_is_no_history_is_never_replaced_unasked(tmp_path: Path, text: bytes) -> None:
    history = tmp_path / f"{RUN_ID}.jsonl"
    history.write_bytes(text)
    with (
        pytest.raises(ResultsError, match="does not begin like a history"),
        claim(tmp_path),
    ):
        pytest.fail("claimed")
    assert history.read_bytes() == text
    with claim(tmp_path, overwrite=True) as files:
        complete(files)
    assert names(tmp_path) == [f"{RUN_ID}.jsonl", f"{RUN_ID}.logs"]


@pytest.mark.parametrize("name", [f"{RUN_ID}.jsonl", f"{RUN_ID}.summary.json"])
def test_a_folder_where_a_file_belongs_is_refused_before_the_run(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with (
        pytest.raises(ResultsError, match=r"in the way: the run would put a file there"),
        claim(tmp_path, overwrite=True),
    ):
        pytest.fail("claimed")


def test_a_file_where_the_logs_belong_is_refused_before_the_run(tmp_path: Path) -> None:
    (tmp_path / f"{RUN_ID}.logs").write_text("mine")
    with (
        pytest.raises(ResultsError, match=r"in the way: the run would put a folder there"),
        claim(tmp_path),
    ):
        pytest.fail("claimed")
    assert (tmp_path / f"{RUN_ID}.logs").read_text() == "mine"


def test_what_an_unfinished_run_left_is_moved_aside_and_kept(tmp_path: Path) -> None:
    for text in ("first", "second"):
        with claim(tmp_path) as files:
            files.partial.write_text(text)
            (files.partial_logs / "log").write_text(text)
    with claim(tmp_path) as files:
        assert files.moved_aside == tmp_path / f"{RUN_ID}.jsonl.partial.2"
        complete(files)
    kept = {path.name: path.read_text() for path in tmp_path.glob("*.jsonl.partial.*")}
    assert kept == {
        f"{RUN_ID}.jsonl.partial.1": "first",
        f"{RUN_ID}.jsonl.partial.2": "second",
    }
    assert (tmp_path / f"{RUN_ID}.logs.partial.1" / "log").read_text() == "first"


def test_a_run_that_ends_before_its_first_line_leaves_nothing_behind(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(KeyError), claim(tmp_path):
            raise KeyError
    assert names(tmp_path) == []


def test_a_file_in_place_of_the_folder_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("mine")
    with (
        pytest.raises(ResultsError, match=r"cannot be written: File exists.*--results"),
        claim(tmp_path / "results"),
    ):
        pytest.fail("claimed")


@pytest.mark.parametrize("folder", ["/proc/results", "/proc", "/dev/null/results"])
def test_a_folder_that_nobody_can_write_is_a_clear_error(folder: str) -> None:
    with pytest.raises(ResultsError, match=r"cannot be written: .*--results"), claim(Path(folder)):
        pytest.fail("claimed")


@pytest.mark.parametrize("folder", ["/proc/results", "/proc", "/dev/null", "/dev/null/results"])
def test_what_is_about_to_start_runs_can_ask_beforehand(folder: str) -> None:
    with pytest.raises(ResultsError, match=r"cannot be written: .*--results"):
        require_writable(Path(folder))


def test_asking_makes_the_folder_and_leaves_nothing_in_it(tmp_path: Path) -> None:
    require_writable(tmp_path / "new" / "results")
    require_writable(tmp_path / "new" / "results")
    assert list((tmp_path / "new" / "results").iterdir()) == []


def test_a_history_that_cannot_be_put_in_place_stays_as_partial(tmp_path: Path) -> None:
    with claim(tmp_path) as files:
        files.history.mkdir()
        with pytest.raises(ResultsError, match=r"the run is complete, but .*partial"):
            complete(files)
    assert files.partial.exists()


CLAIM = """
import sys
from pathlib import Path
from orchestrator.history.files import claim_run
with claim_run(Path(sys.argv[1]), sys.argv[2], "d", overwrite=False) as files:
    files.partial.write_text("mine")
    print("claimed", flush=True)
    sys.stdin.read()
"""


@contextmanager
def other_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another run of the same name, in the middle of its work."""
    with subprocess.Popen(
        [sys.executable, "-c", CLAIM, folder, RUN_ID],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "claimed\n"
        yield process
        process.kill()


@pytest.mark.parametrize("overwrite", [False, True])
def test_two_processes_cannot_carry_out_one_run_at_once(tmp_path: Path, overwrite: bool) -> None:
    with other_process(tmp_path):
        with (
            pytest.raises(ResultsError, match=f"another process is carrying out {RUN_ID}"),
            claim(tmp_path, overwrite=overwrite),
        ):
            pytest.fail("claimed")
        assert (tmp_path / f"{RUN_ID}.jsonl.partial").read_text() == "mine"


def test_the_name_is_free_again_when_the_other_process_was_killed(tmp_path: Path) -> None:
    with other_process(tmp_path) as process:
        process.kill()
        process.wait()
        with claim(tmp_path) as files:
            assert files.moved_aside is not None
            assert files.moved_aside.read_text() == "mine"


def test_other_runs_of_the_folder_are_not_held_up(tmp_path: Path) -> None:
    with other_process(tmp_path), claim_run(tmp_path, "other", DIGEST, overwrite=False):
        pass
