"""The worker's language: how a worker is started, and what a comparison says of it."""

from __future__ import annotations

from worker_child.adapters.program import built

LANGUAGE = "Node.js; handlers on the event loop"


def worker_argv() -> list[str]:
    """The command that starts a worker; it finds its init on stdin. Raises `NotBuiltError`."""
    return [str(built("my_queue"))]
