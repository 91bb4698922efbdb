"""One run as a process of its own: the command line that a user would give, from within."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from orchestrator.run.run import DSN_VARIABLE

JUDGED: Final = frozenset({0, 1, 3, 4})
"""Exit codes of a run that came to a verdict."""
_TAIL_LINES = 15


@dataclass(frozen=True)
class Ended:
    """How a process ended; `exit_code` None = it was killed at its limit."""

    exit_code: int | None
    said: str
    """A sentence on how it ended, and the last lines that it wrote."""


def run_argv(options: Mapping[str, object], *more: str) -> list[str]:
    """The command of one run."""
    words = (f"{option}={value}" for option, value in options.items())
    return [sys.executable, "-m", "orchestrator", *words, *more]


def run_environment(dsn: str | None) -> dict[str, str]:
    """With the DSN: a command line can be read by everybody, and a DSN may hold a password."""
    return {**os.environ, **({} if dsn is None else {DSN_VARIABLE: dsn})}


def wait_for(
    argv: Sequence[str], *, limit_s: float, dsn: str | None = None, name: str = "the run"
) -> Ended:
    """Start a process and wait for its end, `limit_s` at the longest. Raises OSError.

    `name` is what the sentence about its end calls it.
    """
    try:
        done = subprocess.run(
            argv,
            env=run_environment(dsn),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Ended(None, f"{name} did not end within {limit_s:g} s")
    return Ended(
        done.returncode, f"{name} ended with exit code {done.returncode}:\n{tail(done.stdout)}"
    )


def tail(output: bytes) -> str:
    """The last lines."""
    return "\n".join(output.decode(errors="replace").splitlines()[-_TAIL_LINES:])
