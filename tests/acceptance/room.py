"""A room in which a command is given what is wrong: what it says, and what it leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from orchestrator.postgres.server import DATABASE
from orchestrator.processes import linux
from orchestrator.workers.child import RUN_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = ROOT / "tests" / "scenarios" / "tiny_kill.toml"
LIMIT_S = 60.0


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
