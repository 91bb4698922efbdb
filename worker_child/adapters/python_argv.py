"""The command that starts a Python worker: with which Python, of which adapter."""

from __future__ import annotations

import sys
from pathlib import Path

from worker_child.paths import IMPORT_ROOT


def python_argv(*, folder: Path | None = None, python: Path | None = None) -> list[str]:
    """The argv of a worker.

    `folder` is that of an adapter kept outside this repository; a bundled one is known by its name.
    `python` is that of an environment of the library's own; None = the parent's.
    """
    option = [] if folder is None else [f"--adapter={folder}"]
    return [*interpreter(python), "-m", "worker_child", *option]


def interpreter(python: Path | None) -> list[str]:
    """Begins an argv that finds Crashbench, also where it is not installed."""
    if python is None:
        return [sys.executable]
    return ["/usr/bin/env", f"PYTHONPATH={IMPORT_ROOT}", str(python)]
