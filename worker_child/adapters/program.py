"""A library's built program, asked for one thing outside a run: its version, its schema."""

from __future__ import annotations

import os
import subprocess

from worker_child.adapters.built import built

DSN_VARIABLE = "CRASHBENCH_DSN"
LIMIT_S = 60.0


class ProgramFailedError(Exception):
    """A library's program did not do what it was asked for; the text quotes its stderr."""


def ask_program(library: str, argument: str, *, dsn: str | None = None) -> str:
    """What the program of `library` prints when it is started with `argument`.

    The DSN may hold a password and so goes by the environment. Raises `ProgramFailedError`, and
    `NotBuiltError` where there is no such program.
    """
    environment = {**os.environ, **({} if dsn is None else {DSN_VARIABLE: dsn})}
    try:
        done = subprocess.run(
            [str(built(library)), argument],
            env=environment,
            capture_output=True,
            timeout=LIMIT_S,
            check=True,
            text=True,
        )
    except subprocess.CalledProcessError as error:
        raise ProgramFailedError(
            f"{library}'s program was asked for `{argument}` and ended with exit code "
            f"{error.returncode}; it said: {error.stderr.strip()}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ProgramFailedError(
            f"{library}'s program was asked for `{argument}` and was not done within {LIMIT_S:g} s"
        ) from error
    return done.stdout.strip()
