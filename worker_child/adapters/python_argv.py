"""The command that starts a Python worker: with which Python, of which adapter."""

from __future__ import annotations

import sys
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]


def python_argv(*, folder: Path | None = None, python: Path | None = None) -> list[str]:
    """The argv of a worker.

    `folder` is that of an adapter kept outside this repository; a bundled one is known by its name.
    `python` is that of an environment of the library's own, in which Crashbench is not installed:
    the child finds it through PYTHONPATH.
    """
    program = [sys.executable] if python is None else _foreign(python)
    return [*program, "-m", "worker_child", *([] if folder is None else [f"--adapter={folder}"])]


def _foreign(python: Path) -> list[str]:
    return ["/usr/bin/env", f"PYTHONPATH={_CHECKOUT}", str(python)]
