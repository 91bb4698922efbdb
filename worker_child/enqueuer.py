"""Enqueues by a Python adapter's own `enqueuer`, in a process of its own: one that can be killed.

``python -m worker_child.enqueuer INBOX PRESET KEYED``: INBOX is ``module:class`` of the adapter's
parent's side, or ``FOLDER:module:class`` of one that is kept in a folder; PRESET its preset as
JSON; KEYED ``keyed`` or ``plain``. It speaks the wire's role ``enqueuer``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Literal, cast

import msgspec
import psycopg

from worker_child.adapters.contract import (
    Accepted,
    Adapter,
    Deduplicated,
    Enqueuer,
    EnqueueResult,
    OutgoingJob,
    Preset,
)
from worker_child.adapters.package import import_part
from worker_child.lifeline import EXIT_BAD_INPUT, CommandStream, die_with_parent
from worker_child.paths import OUR_PYTHON
from worker_child.protocol import (
    PROTOCOL_VERSION,
    EnqueueAnswer,
    Init,
    JobAnswer,
    JobToEnqueue,
)


class _Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line on stdin: an `EnqueueCommand` or a `Command`."""

    command: Literal["enqueue", "stop"]
    jobs: tuple[JobToEnqueue, ...] = ()


def argv_of(inbox: str, preset: Preset, *, keyed: bool) -> list[str]:
    """The command that starts it; `inbox` is as the module's text says."""
    return [
        *OUR_PYTHON,
        "-m",
        "worker_child.enqueuer",
        inbox,
        msgspec.json.encode(preset, enc_hook=dict).decode(),
        "keyed" if keyed else "plain",
    ]


def load(inbox: str) -> Adapter:
    """Import an adapter's parent's side by its word. Raises ImportError and AttributeError."""
    place, _, attribute = inbox.rpartition(":")
    folder, _, module = place.rpartition(":")
    found = import_part(folder, module) if folder else import_module(module)
    return cast("Adapter", getattr(found, attribute)())


def main(words: Sequence[str]) -> None:
    """Enqueue what is ordered until told to stop, or killed. Raises psycopg.Error: no answer."""
    die_with_parent()
    commands = CommandStream()
    try:
        init = commands.init()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        sys.stderr.write(f"the first line on stdin is no init: {error}\n")
        sys.exit(EXIT_BAD_INPUT)
    if init.protocol != PROTOCOL_VERSION:
        raise ValueError(f"this child speaks wire version {PROTOCOL_VERSION}, not {init.protocol}")
    inbox, preset, keyed = words
    enqueuer = load(inbox).enqueuer(
        init.dsn, msgspec.json.decode(preset, type=Preset), keyed=keyed == "keyed"
    )
    try:
        serve(enqueuer, commands, init)
    finally:
        enqueuer.close()


def serve(enqueuer: Enqueuer, commands: CommandStream, init: Init) -> None:
    """Answer every line until ``stop`` comes."""
    decoder = msgspec.json.Decoder(_Order)
    for line in commands.lines():
        order = decoder.decode(line)
        if order.command == "stop":
            return
        jobs = [
            OutgoingJob(job.job_id, job.kind, job.payload.encode(), job.dedup_key)
            for job in order.jobs
        ]
        answer = EnqueueAnswer(tuple(_answers(enqueuer, jobs)))
        _write(init.event_fd, msgspec.json.encode(answer) + b"\n")


def _answers(enqueuer: Enqueuer, jobs: list[OutgoingJob]) -> list[JobAnswer]:
    if not jobs:
        return []
    try:
        return [_answer(result) for result in enqueuer.enqueue(jobs)]
    except psycopg.Error as error:
        # As the producer judges one that enqueues within the parent: by who said no.
        if error.sqlstate is None or isinstance(error, psycopg.OperationalError):
            raise
        return [JobAnswer("rejected", error=str(error))] * len(jobs)


def _answer(result: EnqueueResult) -> JobAnswer:
    if isinstance(result, Accepted):
        return JobAnswer("accepted", inbox_id=result.inbox_id)
    if isinstance(result, Deduplicated):
        return JobAnswer("deduplicated", into=result.into)
    return JobAnswer("rejected", error=result.error)


def _write(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


if __name__ == "__main__":
    main(sys.argv[1:])
