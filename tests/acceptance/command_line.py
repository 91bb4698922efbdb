"""The real command line in a room of its own: start it, signal it, read what it wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from orchestrator.processes import linux
from orchestrator.workers.child import RUN_VARIABLE
from tests.short_folder import short_folder

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 90.0


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    error: str

    def __str__(self) -> str:
        return f"exit code {self.code}\n{self.out}\n{self.error}"


@dataclass(frozen=True)
class Desk:
    """A results folder and a folder for temporary things, both empty; servers are ephemeral."""

    results: Path
    temporary: Path

    def run(self, *arguments: str, module: str = "orchestrator") -> Ended:
        """Carry a command out to its end."""
        with self.started(*arguments, module=module) as process:
            return ended(process)

    @contextmanager
    def started(
        self, *arguments: str, module: str = "orchestrator"
    ) -> Iterator[subprocess.Popen[str]]:
        """A command under way; whatever the test does, it is over afterwards."""
        in_results = [] if module == "analysis" else [f"--results={self.results}"]
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments, *in_results],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(self.temporary), "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                yield process
            finally:
                process.kill()

    def names(self) -> list[str]:
        """What a user sees in the results folder."""
        return sorted(path.name for path in self.results.iterdir() if path.name[0] != ".")

    def facts(self, name: str, kind: str) -> list[dict[str, Any]]:
        """The `fields` of every line of a kind, in the file's order; whole lines only."""
        found = []
        for line in (self.results / name).read_bytes().splitlines(keepends=True):
            record = json.loads(line) if line.endswith(b"\n") else {}
            if record.get("kind") == kind:
                found.append(record["fields"])
        return found

    def summary(self, name: str) -> dict[str, Any]:
        """A summary that was written."""
        read: dict[str, Any] = json.loads((self.results / f"{name}.summary.json").read_text())
        return read

    def assert_nothing_left(self, family: list[psutil.Process], run_id: str) -> None:
        """Neither a process of the run, nor its server, nor a temporary folder."""
        assert [process for process in family if lives(process)] == []
        marked = [
            process.pid
            for process in linux.living()
            if f"{RUN_VARIABLE}={run_id}:".encode() in _environment(process.pid)
            and f"TMPDIR={self.temporary}".encode() in _environment(process.pid)
        ]
        assert marked == []
        assert list(self.temporary.iterdir()) == []


@contextmanager
def desk(results: Path) -> Iterator[Desk]:
    """A desk whose temporary folder has a short path."""
    with short_folder() as temporary:
        yield Desk(results, temporary)


def ended(process: subprocess.Popen[str]) -> Ended:
    """Wait for the end of a command and take in what it said."""
    out, error = process.communicate(timeout=LIMIT_S)
    return Ended(process.returncode, out, error)


def wait_for(condition: Callable[[], bool], limit_s: float, what: str) -> None:
    """Wait until something is so; the error says what was waited for."""
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s, f"waited {limit_s:g} s in vain for {what}"
        time.sleep(0.02)


def lives(process: psutil.Process) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""
