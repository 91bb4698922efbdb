"""Stands between a run and an adapter: what the adapter does wrong is said of the adapter.

Whoever writes an adapter gets a sentence with the file and the line, and exit code 2; without it an
error of theirs would look like one of the instrument's. What is not the adapter's own fault passes
through as it is: a database that is gone or refuses an enqueue, a library's own program that fails,
workers or changed settings that the library cannot run with.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from orchestrator.errors import AdapterError, AdapterSqlError
from orchestrator.libraries.library import Library, format_with_origin
from worker_child.adapters.contract import (
    NO_CHANGES,
    Adapter,
    Asking,
    Audited,
    CacheAnswer,
    Enqueuer,
    EnqueueResult,
    InboxRow,
    Offer,
    Offering,
    OutgoingJob,
    Preset,
    QueueCounts,
    UnusableSettingsError,
    UnusableWorkersError,
    Workers,
)
from worker_child.adapters.enqueuer_process import ProcessEnqueuer
from worker_child.adapters.program import NotBuiltError, ProgramFailedError
from worker_child.enqueuer import argv_of

_CONTRACT_ALLOWS = (ProgramFailedError, NotBuiltError, UnusableWorkersError, UnusableSettingsError)
_PARAMETERS_WITHOUT = 2
"""Name and workers."""
_DATABASE_LOST = (psycopg.OperationalError, psycopg.InterfaceError)
"""No answer, or none any more: nobody asked for something wrong. A statement that ran out of time
or was turned away for want of something is among them."""


class GuardedAdapter:
    """An adapter of which every call of the contract is watched; see the module's text.

    Raises `AdapterError` for any exception of the adapter's own, and `AdapterSqlError` where the
    server has refused a statement of `install`, `counts`, `rows` or `audit`.
    """

    def __init__(self, adapter: Adapter, library: str, folder: Path, inbox: str = "") -> None:
        """`inbox` is as of `Library.inbox`; without it there is no `enqueuer_process`."""
        self._adapter = adapter
        self._inbox = inbox
        self._watch = _Watch(library, folder)
        self.offers: Mapping[Offer, str] = adapter.offers if isinstance(adapter, Offering) else {}

    @property
    def name(self) -> str:
        """See `Adapter`, as all of these."""
        return self._adapter.name

    @property
    def presets(self) -> Sequence[str]:
        return self._adapter.presets

    def version(self) -> str:
        with self._watch.call("version()"):
            return self._adapter.version()

    def preset(
        self, name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES
    ) -> Preset:
        call = f"preset({name!r}, {workers}{f', {dict(changes)}' if changes else ''})"
        with self._watch.call(call, hint=". A preset that it names has to resolve"):
            # An adapter that is kept elsewhere may know of no changes.
            return self._adapter.preset(name, workers, *([changes] if changes else []))

    @property
    def takes_changes(self) -> bool:
        """Whether its `preset` knows of changed settings."""
        return len(inspect.signature(self._adapter.preset).parameters) > _PARAMETERS_WITHOUT

    def install(self, dsn: str) -> None:
        with self._watch.call("install()"):
            self._adapter.install(dsn)

    def enqueuer(self, dsn: str, preset: Preset, *, keyed: bool) -> Enqueuer:
        with self._watch.call("enqueuer()", refusals_pass=True):
            opened = self._adapter.enqueuer(dsn, preset, keyed=keyed)
        return _GuardedEnqueuer(opened, self._watch)

    def enqueuer_process(self, dsn: str, preset: Preset, *, keyed: bool) -> ProcessEnqueuer:
        """As `enqueuer`, in a process that can be killed: the library's own, or one of ours that
        does what `enqueuer` does. Raises what that raises, and `EnqueuerLostError`."""
        assert self._inbox, "found by its name or its folder"
        with self._watch.call("enqueuer()", refusals_pass=True):
            opened = self._adapter.enqueuer(dsn, preset, keyed=keyed)
            if isinstance(opened, ProcessEnqueuer):
                return opened
            opened.close()
        argv = argv_of(self._inbox, preset, keyed=keyed)
        # It is told the whole preset by its argv; the wire wants a number besides.
        settings = {"max_attempts": 1, **preset.settings}
        return ProcessEnqueuer(argv, library=self.name, dsn=dsn, settings=settings)

    def counts(self, connection: psycopg.Connection[Any]) -> QueueCounts:
        with self._watch.call("counts()"):
            return self._adapter.counts(connection)

    def rows(
        self,
        connection: psycopg.Connection[Any],
        preset: Preset,
        inbox_ids: Sequence[str] | None = None,
    ) -> Iterable[InboxRow]:
        with self._watch.call("rows()"):
            return list(self._adapter.rows(connection, preset, inbox_ids))

    def audit(self, connection: psycopg.Connection[Any]) -> Iterable[dict[str, Any]]:
        if not isinstance(self._adapter, Audited):
            return []
        with self._watch.call("audit()"):
            return list(self._adapter.audit(connection))

    def child_argv(self) -> list[str]:
        with self._watch.call("child_argv()"):
            return self._adapter.child_argv()


class _GuardedEnqueuer:
    """The producer's hold on the inbox. Refusals pass: the producer judges and records them."""

    def __init__(self, enqueuer: Enqueuer, watch: _Watch) -> None:
        self._enqueuer = enqueuer
        self._watch = watch

    def enqueue(self, jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        with self._watch.call("enqueue()", refusals_pass=True):
            results = self._enqueuer.enqueue(jobs)
        if len(results) != len(jobs):
            raise AdapterError(
                f"{self._watch.library}'s adapter answered {len(jobs)} jobs of one enqueue() with "
                f"{len(results)} results: it owes one for each, in their order"
            )
        return results

    def ask(
        self, job: OutgoingJob, *, give_up_s: float, stopped: Callable[[], bool]
    ) -> CacheAnswer:
        if not isinstance(self._enqueuer, Asking):
            raise AdapterError(
                f"{self._watch.library}'s adapter offers cache, and what its enqueuer() returns "
                "for keyed jobs has no ask()"
            )
        with self._watch.call("ask()", refusals_pass=True):
            return self._enqueuer.ask(job, give_up_s=give_up_s, stopped=stopped)

    def close(self) -> None:
        with self._watch.call("close()", refusals_pass=True):
            self._enqueuer.close()


class _Watch:
    """Turns what an adapter raises into a sentence about it."""

    def __init__(self, library: str, folder: Path) -> None:
        self.library = library
        self._folder = folder

    @contextmanager
    def call(self, call: str, *, refusals_pass: bool = False, hint: str = "") -> Iterator[None]:
        """Watch one call, which `call` names; `hint` is what to do, if that can be said.

        `refusals_pass`: every psycopg.Error is for the caller.
        """
        try:
            yield
        except _CONTRACT_ALLOWS:
            raise
        except psycopg.Error as error:
            if refusals_pass or isinstance(error, _DATABASE_LOST):
                raise
            raise AdapterSqlError(
                f"the database refused what {self.library}'s adapter asked of it in {call}: "
                f"{format_with_origin(error, self._folder)}"
            ) from error
        except Exception as error:
            raise AdapterError(
                f"{self.library}'s adapter failed in {call}: "
                f"{format_with_origin(error, self._folder)}{hint}"
            ) from error


def guard(library: Library) -> GuardedAdapter:
    """Import a library's adapter and put it under guard. Raises what `Library.load` does."""
    return GuardedAdapter(library.load(), library.name, library.folder, library.inbox)
