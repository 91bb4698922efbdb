"""An enqueuer without a library: it takes every job, or misbehaves as its argument says."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import NoReturn

import msgspec

from worker_child.lifeline import die_with_parent
from worker_child.protocol import (
    AskAnswer,
    AskCommand,
    Command,
    EnqueueAnswer,
    EnqueueCommand,
    Init,
    JobAnswer,
)

Answer = Callable[[EnqueueCommand], EnqueueAnswer]


def serve(command: AskCommand) -> AskAnswer:
    """By the address: whether anything is served, and whether an answer comes at all."""
    address = command.job.dedup_key
    if address == "hit":
        return AskAnswer("hit", 1, sha256="ab" * 32, bytes=100)
    if address == "silent":
        time.sleep(600)
    if address == "dying":
        sys.exit("the connection is gone")
    if address == "joined":
        told = JobAnswer("deduplicated")
        return AskAnswer("joined", 2, told, 1, error=f"gave up after {command.give_up_s:g} s")
    told = JobAnswer("accepted", inbox_id=command.job.job_id)
    return AskAnswer("miss", 2, told, 1, sha256="cd" * 32, bytes=0)


def honest(command: EnqueueCommand) -> EnqueueAnswer:
    """Job by job: a key that begins with 'r' is refused, any other is there already."""
    return EnqueueAnswer(tuple(_of(job.job_id, job.dedup_key) for job in command.jobs))


def _of(job_id: str, key: str | None) -> JobAnswer:
    if key is None:
        return JobAnswer("accepted", inbox_id=job_id)
    if key.startswith("r"):
        return JobAnswer("rejected", error="no such table")
    return JobAnswer("deduplicated", into=key)


def few(command: EnqueueCommand) -> EnqueueAnswer:
    """One answer too few."""
    return EnqueueAnswer(honest(command).results[1:])


def silent(command: EnqueueCommand) -> EnqueueAnswer:
    """It takes the jobs and says nothing."""
    if command.jobs:
        time.sleep(600)
    return honest(command)


def dying(command: EnqueueCommand) -> EnqueueAnswer:
    """It ends with a word on stderr."""
    if command.jobs:
        sys.exit("the connection is gone")
    return honest(command)


BEHAVIOURS: dict[str, Answer] = {
    "honest": honest,
    "few": few,
    "silent": silent,
    "dying": dying,
    "stubborn": honest,
    "unborn": honest,
}


def main(behaviour: str) -> NoReturn:
    """Serve until told to stop; 'stubborn' does not stop, 'unborn' ends before its first answer."""
    die_with_parent()
    if behaviour == "unborn":
        sys.exit("no such database")
    init = msgspec.json.decode(sys.stdin.buffer.readline(), type=Init)
    assert init.role == "enqueuer"
    for line in sys.stdin.buffer:
        if b'"stop"' in line:
            msgspec.json.decode(line, type=Command)
            while behaviour == "stubborn":
                time.sleep(600)
            sys.exit(0)
        if b'"ask"' in line:
            served = serve(msgspec.json.decode(line, type=AskCommand))
            os.write(init.event_fd, msgspec.json.encode(served) + b"\n")
            continue
        answer = BEHAVIOURS[behaviour](msgspec.json.decode(line, type=EnqueueCommand))
        os.write(init.event_fd, msgspec.json.encode(answer) + b"\n")
    sys.exit(71)


if __name__ == "__main__":
    main(sys.argv[1])
