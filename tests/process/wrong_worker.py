"""A pgqueuer worker with one thing wrong: ``python -m tests.process.wrong_worker PLANT``."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import asyncpg
import psycopg

from orchestrator.workers.child import RUN_VARIABLE
from worker_child import __main__ as child
from worker_child import runtime


def sleeper() -> list[str]:
    """The command of a grandchild; the run's mark in it tells it from those of other runs."""
    return [sys.executable, "-c", "import time; time.sleep(600)", os.environ[RUN_VARIABLE]]


def leave_a_grandchild() -> None:
    """One that flees into a session of its own, so that no signal to the group reaches it."""
    subprocess.Popen(sleeper(), start_new_session=True)


def leave_a_grandchild_with_the_pipe() -> None:
    """It keeps the writing end open, so that the pipe never comes to its end."""
    subprocess.Popen(sleeper(), start_new_session=True, close_fds=False)


def connect_without_a_name() -> None:
    connect = asyncpg.connect

    def nameless(**arguments: Any) -> Any:
        arguments.pop("server_settings")
        return connect(**arguments)

    asyncpg.connect = nameless


def hold_a_session_in_a_query() -> None:
    """The server notices a dead client only when its query ends."""
    ready = runtime.Child.ready

    def ready_with_a_query(self: runtime.Child, identity: str, **effective: Any) -> None:
        connection = psycopg.connect(self.conninfo)
        query = threading.Thread(
            target=connection.execute, args=("SELECT pg_sleep(600)",), daemon=True
        )
        query.start()
        ready(self, identity, **effective)

    runtime.Child.ready = ready_with_a_query  # type: ignore[method-assign]


PLANTS: dict[str, Callable[[], None]] = {
    "grandchild": leave_a_grandchild,
    "pipe": leave_a_grandchild_with_the_pipe,
    "nameless": connect_without_a_name,
    "held": hold_a_session_in_a_query,
    "nothing": lambda: None,
}

if __name__ == "__main__":
    PLANTS[sys.argv[1]]()
    child.main()
