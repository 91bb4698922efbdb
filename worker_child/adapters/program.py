"""A library's built program, asked for one thing outside a run: its version, its schema."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from worker_child.adapters.built import built

DSN_VARIABLE = "CRASHBENCH_DSN"
LIMIT_S = 60.0


class ProgramFailedError(Exception):
    """A library's program did not do what it was asked for; the text quotes its stderr."""


def ask_program(library: str, argument: str, *, dsn: str | None = None) -> str:
    """What the built program of `library` prints when it is started with `argument`.

    Raises `ProgramFailedError`, and `NotBuiltError` where there is no such program.
    """
    return ask(library, [str(built(library)), argument], dsn=dsn)


def ask(library: str, argv: Sequence[str], *, dsn: str | None = None) -> str:
    """What a program of `library` prints; its last word says what it is asked for.

    The DSN may hold a password and so goes by the environment. Raises `ProgramFailedError`.
    """
    environment = {**os.environ, **({} if dsn is None else {DSN_VARIABLE: dsn})}
    asked = f"{library}'s program was asked for `{argv[-1]}` and"
    try:
        done = subprocess.run(
            argv, env=environment, capture_output=True, timeout=LIMIT_S, check=True, text=True
        )
    except subprocess.CalledProcessError as error:
        raise ProgramFailedError(
            f"{asked} ended with exit code {error.returncode}; it said: {error.stderr.strip()}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ProgramFailedError(f"{asked} was not done within {LIMIT_S:g} s") from error
    return done.stdout.strip()
