"""However the parent ends, its janitor leaves nothing behind."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.errors import JanitorError
from orchestrator.processes import linux
from orchestrator.processes.janitor import Janitor
from tests.short_folder import short_folder

SERVER_LIMIT_S = 10.0
EVERYTHING_LIMIT_S = 15.0
_MARK = "CRASHBENCH_TEST_PLACE"


class Doomed:
    """A parent to be killed, the place where all its directories lie, and what it has said."""

    def __init__(self, place: Path, *steps: str) -> None:
        self.place = place
        self.said: dict[str, int] = {}
        environment = os.environ | {"TMPDIR": str(place), _MARK: str(place)}
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("doomed_parent.py")), *steps],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def until(self, word: str) -> None:
        """Read what it says up to `word`; the test's own time limit bounds this."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            name, _, number = line.strip().partition(" ")
            self.said[name] = int(number) if number.isdecimal() else 0
            if name == word:
                return
        pytest.fail(f"the parent ended before it said {word!r}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def remains(self) -> list[str]:
        """Every living process of its making, and every directory."""
        processes = [
            f"process {process.pid}"
            for process in linux.living()
            if process.pid != self.process.pid and _is_marked(process.pid, self.place)
        ]
        servers = [f"process {p.pid}" for p in linux.living_below(self.place)]
        return processes + servers + [str(path) for path in self.place.iterdir()]


def _is_marked(pid: int, place: Path) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
    return f"{_MARK}={place}".encode() in environment.split(b"\0")


def _wait_for(what: str, condition: Callable[[], bool], limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit_s:g} s: {what}"
        time.sleep(0.01)


@pytest.fixture
def place() -> Iterator[Path]:
    with short_folder(0o755) as folder:
        yield folder


def test_a_killed_parent_leaves_no_worker_no_server_and_no_directory(place: Path) -> None:
    parent = Doomed(place, "worker", "server")
    parent.until("ready")
    worker, server = parent.said["worker"], parent.said["server"]
    assert len(linux.living_in_group(worker)) == 2

    parent.kill()

    _wait_for("the worker's group ends", lambda: not linux.living_in_group(worker), 10)
    _wait_for("the server ends", lambda: not _lives(server), SERVER_LIMIT_S)
    _wait_for("nothing is left", lambda: not parent.remains(), EVERYTHING_LIMIT_S)


def test_the_server_ends_with_its_parent_even_when_the_janitor_is_dead_too(place: Path) -> None:
    parent = Doomed(place, "server")
    parent.until("ready")
    os.kill(parent.said["janitor"], signal.SIGKILL)

    parent.kill()

    _wait_for("the tether ends the server", lambda: not _lives(parent.said["server"]), 10)


# Between its first breath and an answering server a parent lives about a second here. The moments
# lie anywhere in it: the janitor's start, the directory, initdb, the server's start.
@pytest.mark.parametrize("seed", range(6))
def test_a_parent_killed_at_any_moment_of_its_start_leaves_nothing(place: Path, seed: int) -> None:
    moment_s = random.Random(seed).uniform(0.1, 1.2)
    parent = Doomed(place, "server", "worker")
    time.sleep(moment_s)  # not a wait for something: the moment is the test's subject

    parent.kill()

    _wait_for(f"nothing is left: {parent.remains()}", lambda: not parent.remains(), 15)


def test_a_parent_killed_the_instant_a_directory_appears_leaves_nothing(place: Path) -> None:
    parent = Doomed(place, "server")
    _wait_for("a directory appears", lambda: any(place.iterdir()), EVERYTHING_LIMIT_S)

    parent.kill()

    _wait_for("nothing is left", lambda: not parent.remains(), EVERYTHING_LIMIT_S)


def test_the_janitor_is_deaf_to_ctrl_c_and_sigterm_and_still_clears(place: Path) -> None:
    janitor = Janitor()
    directory = janitor.directory(place)
    (directory / "file").write_text("data")

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(janitor.pid, number)

    assert janitor.close() == []
    assert not directory.exists()


def test_a_group_is_killed_at_the_end_unless_its_number_went_to_another_process() -> None:
    command = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"]
    doomed = subprocess.Popen(command, start_new_session=True)
    spared = subprocess.Popen(command, start_new_session=True)
    forgotten = subprocess.Popen(command, start_new_session=True)
    try:
        janitor = Janitor()
        janitor.process_group(doomed.pid)
        # As if the one that was registered had ended and its number been used again.
        janitor._tell(do="process_group", group=spared.pid, started_ticks=1)
        janitor.process_group(forgotten.pid)
        janitor.forget_process_group(forgotten.pid)

        assert janitor.close() == []

        assert doomed.wait(5) == -signal.SIGKILL
        assert spared.poll() is None
        assert forgotten.poll() is None
    finally:
        for process in (doomed, spared, forgotten):
            process.kill()
            process.wait()


def test_a_process_that_works_in_the_directory_is_ended_even_if_it_ignores_sigquit(
    place: Path,
) -> None:
    janitor = Janitor()
    directory = janitor.directory(place)
    code = "import signal; signal.signal(signal.SIGQUIT, signal.SIG_IGN); print(1, flush=True)"
    with subprocess.Popen(
        [sys.executable, "-I", "-c", f"{code}; signal.pause()"],
        cwd=directory,
        stdout=subprocess.PIPE,
    ) as stubborn:
        assert stubborn.stdout is not None
        assert stubborn.stdout.readline() == b"1\n"

        left = janitor.close()
        exit_code = stubborn.poll()
        stubborn.kill()

    assert left == []
    assert exit_code == -signal.SIGKILL
    assert not directory.exists()


def test_a_dead_janitor_is_noticed_at_the_next_order_and_at_close(place: Path) -> None:
    janitor = Janitor()
    janitor.directory(place)
    os.kill(janitor.pid, signal.SIGKILL)

    with pytest.raises(JanitorError, match="is gone"):
        janitor.directory(place)

    assert "died with exit code -9" in janitor.close()[0]


def test_what_the_janitor_cannot_make_is_told_with_the_reason(place: Path) -> None:
    with Janitor() as janitor, pytest.raises(JanitorError, match="FileNotFoundError"):
        janitor.directory(place / "missing")


def test_closing_twice_is_harmless() -> None:
    janitor = Janitor()
    assert janitor.close() == []
    assert janitor.close() == []


def _lives(pid: int) -> bool:
    process = linux.read(pid)
    return process is not None and process.alive
