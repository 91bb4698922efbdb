"""A library's worker as a program: where it was built, how it is started, what it says if asked.

Asked means outside a run: ``worker version`` prints the library's version, ``worker install``
makes its schema in the database that `DSN_VARIABLE` names.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from worker_child.paths import ALONE, OUR_PYTHON, built_root

DSN_VARIABLE = "CRASHBENCH_DSN"
LIMIT_S = 60.0
OUR_ENTRY_POINT = [*OUR_PYTHON, "-m", "orchestrator", "--mode=child"]
"""The argv of a worker of the default library: the parent's own entry point in its other mode."""


class NotBuiltError(Exception):
    """A library's worker has not been built; the text says what to do."""


class ProgramFailedError(Exception):
    """A library's program did not do what it was asked for; the text quotes its stderr."""


def built(library: str, program: str = "worker") -> Path:
    """The path of a program that was built for `library`. Raises `NotBuiltError`.

    `program` is its path within the library's folder, such as ``venv/bin/python``.
    """
    path = built_root() / library / program
    if not path.exists():
        raise NotBuiltError(
            f"{library}'s worker is not there: {path} has not been built. Run "
            "`crashbench adapters --build`, which says what it needs for that"
        )
    return path


def python_argv(
    *, folder: Path | None = None, package: str | None = None, python: Path | None = None
) -> list[str]:
    """The argv of a Python worker.

    `folder` holds an adapter kept outside this repository; `package` a bundled one that is not
    called like its library; with neither it is the bundled adapter of the library's name. `python`
    is that of an environment of the library's own; None = the parent's.
    """
    assert folder is None or package is None, "an adapter is in one place"
    adapter = folder or package
    return [
        *interpreter(python),
        "-m",
        "worker_child",
        *([] if adapter is None else [f"--adapter={adapter}"]),
    ]


def is_python_worker(argv: Sequence[str]) -> bool:
    """Whether this starts `worker_child.__main__`, as `python_argv` and `OUR_ENTRY_POINT` do."""
    return ("-m", "worker_child") in pairwise(argv) or list(argv) == OUR_ENTRY_POINT


def interpreter(python: Path | None) -> list[str]:
    """Begins an argv that goes on with ``-m`` and a module of `worker_child`.

    A Python of the library's own (`python`) sees its own packages and `worker_child`: neither what
    Crashbench needs, nor what PYTHONPATH or the user's site holds.
    """
    return [*OUR_PYTHON] if python is None else [str(python), "-I", str(ALONE)]


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
