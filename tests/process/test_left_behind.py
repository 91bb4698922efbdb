"""What a killed parent and its killed janitor left is cleared by the next run, and nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.processes.janitor import Janitor
from orchestrator.processes.left_behind import MARK, is_left_behind, sign

OWNERS = {os.geteuid()}
_PARENT = """
import os, signal, sys
from pathlib import Path
from orchestrator.processes.janitor import Janitor
janitor = Janitor()
directory = janitor.directory(Path(sys.argv[1]))
print(directory, flush=True)
if sys.argv[2] == "both":
    os.kill(janitor.pid, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "janitor":
    os.kill(janitor.pid, signal.SIGKILL)
sys.stdin.read()
"""


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Starts a parent with a janitor and a directory, some of which kill themselves."""
    started: list[subprocess.Popen[str]] = []

    def start(killed: str) -> Path:
        process = subprocess.Popen(
            [sys.executable, "-c", _PARENT, str(tmp_path), killed],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        directory = Path(process.stdout.readline().strip())
        if killed == "both":
            process.wait()
        return directory

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_next_run_clears_what_a_killed_parent_and_its_killed_janitor_left(
    parent: Callable[[str], Path], tmp_path: Path
) -> None:
    left = parent("both")
    (left / "data").mkdir()
    assert left.is_dir()
    with Janitor() as janitor:
        mine = janitor.directory(tmp_path)
        assert mine.is_dir()
        assert not left.exists()


@pytest.mark.parametrize("killed", ["nobody", "janitor"])
def test_what_a_living_parent_still_uses_is_left_alone(
    parent: Callable[[str], Path], tmp_path: Path, killed: str
) -> None:
    used = parent(killed)
    with Janitor() as janitor:
        janitor.directory(tmp_path)
        assert used.is_dir()


def changed(folder: Path, **parts: Any) -> Path:
    """A directory of dead owners, with a mark of which some parts are otherwise."""
    directory = folder / "cb-0123abcd"
    directory.mkdir(mode=0o700)
    sign(directory)
    mark = json.loads((directory / MARK).read_text())
    (directory / MARK).write_text(json.dumps({**mark, "processes": [[2**22 + 1, 5]], **parts}))
    return directory


def test_a_mark_whose_processes_are_gone_is_a_dead_ones(tmp_path: Path) -> None:
    assert is_left_behind(changed(tmp_path), OWNERS)


def test_a_process_number_that_was_given_to_another_is_no_owner(tmp_path: Path) -> None:
    assert is_left_behind(changed(tmp_path, processes=[[os.getpid(), 5]]), OWNERS)


@pytest.mark.parametrize(
    "parts",
    [
        {"boot": "another"},
        {"pid_namespace": "pid:[1]"},
        {"processes": []},
        {"processes": [["1", 5]]},
        {"processes": 7},
        {"more": 1},
    ],
)
def test_in_doubt_it_stays(tmp_path: Path, parts: dict[str, Any]) -> None:
    assert not is_left_behind(changed(tmp_path, **parts), OWNERS)


def test_somebody_elses_directory_stays(tmp_path: Path) -> None:
    assert not is_left_behind(changed(tmp_path), {os.geteuid() + 1})


def test_a_directory_without_a_mark_stays(tmp_path: Path) -> None:
    directory = changed(tmp_path)
    (directory / MARK).unlink()
    assert not is_left_behind(directory, OWNERS)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    directory = changed(tmp_path)
    link = tmp_path / "cb-link"
    link.symlink_to(directory)
    assert not is_left_behind(link, OWNERS)
    (directory / MARK).rename(tmp_path / "mark")
    (directory / MARK).symlink_to(tmp_path / "mark")
    assert not is_left_behind(directory, OWNERS)


def test_a_named_pipe_for_a_mark_keeps_nobody_waiting(tmp_path: Path) -> None:
    directory = changed(tmp_path)
    (directory / MARK).unlink()
    os.mkfifo(directory / MARK)
    signal.alarm(5)
    assert not is_left_behind(directory, OWNERS)
    signal.alarm(0)
