"""A bystander: somebody else's small transaction in the run's database, again and again.

It is no part of the queue: what the queue, or a fault, costs whoever shares the database shows in
how long it takes.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import msgspec
import psycopg
from psycopg.conninfo import make_conninfo

from orchestrator.history.notes import BystanderAnswered
from orchestrator.history.recorder import Recorder
from orchestrator.observe.probe import parent_session_name
from worker_child.protocol import Note

EVERY_S = 0.1
"""From the begin of one transaction to that of the next; later where one takes longer."""
_MAKE = """
CREATE TABLE IF NOT EXISTS crashbench_bystander (id int PRIMARY KEY, value bigint NOT NULL);
INSERT INTO crashbench_bystander VALUES (1, 0) ON CONFLICT DO NOTHING;
"""
_READ = "SELECT value FROM crashbench_bystander WHERE id = 1"
_WRITE = "UPDATE crashbench_bystander SET value = value + 1 WHERE id = 1"
_CONNECT_LIMIT_S = 5
_LIMIT = "SET statement_timeout = '10s'"
"""A transaction of which one statement takes longer has failed."""


class Bystander:
    """A thread with a session of its own. Each transaction is a note in the history, `bystander`.

    One that fails is told of as well, and the next one has a new session.
    """

    def __init__(self, dsn: str, run_id: str, recorder: Recorder) -> None:
        """Make its table. Raises psycopg.Error."""
        self._conninfo = make_conninfo(
            dsn,
            application_name=parent_session_name(run_id, "bystander"),
            connect_timeout=_CONNECT_LIMIT_S,
        )
        self._recorder = recorder
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bystander", daemon=True)
        self._connection: psycopg.Connection[Any] | None = self._connect()
        self._connection.execute(_MAKE)
        self.error: BaseException | None = None
        """What ended the thread, and should not have."""

    def start(self) -> None:
        """Begin at once."""
        self._thread.start()

    def stop(self, timeout_s: float = 15.0) -> None:
        """End after the transaction that is under way, and close the session."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._connection is not None and not self._thread.is_alive():
            self._connection.close()

    def _connect(self) -> psycopg.Connection[Any]:
        connection = psycopg.connect(self._conninfo, autocommit=True)
        connection.execute(_LIMIT)
        return connection

    def _run(self) -> None:
        due_s = time.monotonic()
        try:
            while not self._stop.wait(max(0.0, due_s - time.monotonic())):
                self._transact()
                due_s = max(due_s + EVERY_S, time.monotonic())
        except BaseException as error:  # noqa: BLE001 - the main thread raises it again
            self.error = error

    def _transact(self) -> None:
        """One transaction, and its note; a new session first, where the last one is gone."""
        error = ""
        sent_ns = time.monotonic_ns()
        try:
            if self._connection is None:
                self._connection = self._connect()
                sent_ns = time.monotonic_ns()
            with self._connection.transaction():
                self._connection.execute(_READ)
                self._connection.execute(_WRITE)
        except psycopg.Error as failed:
            error = type(failed).__name__
            if self._connection is not None:
                self._connection.close()
            self._connection = None
        told = BystanderAnswered(sent_ns, error)
        self._recorder.record(
            Note(time.monotonic_ns(), "bystander", detail=msgspec.to_builtins(told))
        )
