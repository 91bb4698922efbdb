"""The worker's language: how a worker is started, and what a comparison says of it."""

from __future__ import annotations

from pathlib import Path

from worker_child.adapters.program import python_argv

LANGUAGE = "Python, asyncio; handlers on the worker's loop"


def worker_argv() -> list[str]:
    """The command that starts a worker; it finds its init on stdin."""
    return python_argv(folder=Path(__file__).resolve().parent)
