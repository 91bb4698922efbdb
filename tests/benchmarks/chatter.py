"""A worker that only talks: events by the real emitter, or the cheapest lines that there can be.

Run as a file, with its commands on stdin like any child. ``settings`` are the fields of `Talk`. A
saturated talker prints the CPU time of its talking alone (nanoseconds) to stdout and leaves.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Literal

import msgspec
import orjson

from worker_child.emitter import Emitter, about_execution
from worker_child.lifeline import CommandStream
from worker_child.protocol import Init

_NS_PER_S = 1_000_000_000
_JOBS_OF_A_SLOT = 10_000_000
"""No two talkers speak of the same job."""


class Talk(msgspec.Struct, frozen=True):
    """How to talk. `rate_per_s` None = as fast as it goes, `events` in all; else without end."""

    voice: Literal["emitter", "floor"]
    events: int
    """Even: every job has a started and a completed event."""
    rate_per_s: float | None = None


Fact = tuple[str, str, int, str]
"""(kind, job_id, execution, inbox_id): what an event is made of."""


def facts(number: int) -> list[Fact]:
    """What the job `number` has to tell: it is started and completed."""
    return [
        (kind, f"j{number:06d}", number, str(number)) for kind in ("job_started", "job_completed")
    ]


def talk_by_emitter(emitter: Emitter, told: list[Fact]) -> int:
    """Emit all, as the job body does it; returns the CPU time, nanoseconds."""
    begun_ns = time.process_time_ns()
    about = ""
    for kind, job_id, execution, inbox_id in told:
        if kind == "job_started":
            about = about_execution(job_id, execution, inbox_id)
        emitter.tell(kind, about)
    return time.process_time_ns() - begun_ns


def talk_at_the_floor(init: Init, told: list[Fact]) -> int:
    """Serialise and write the same lines, without lock, clock or check; CPU time, nanoseconds."""
    descriptor, run_id, slot, incarnation = init.event_fd, init.run_id, init.slot, init.incarnation
    t_ns, timestamp = time.monotonic_ns(), "2026-01-01T00:00:00.000000Z"
    begun_ns = time.process_time_ns()
    for n, (kind, job_id, execution, inbox_id) in enumerate(told, 1):
        line = {
            "run_id": run_id,
            "timestamp": timestamp,
            "kind": kind,
            "fields": {
                "t_ns": t_ns,
                "n": n,
                "slot": slot,
                "incarnation": incarnation,
                "job_id": job_id,
                "execution": execution,
                "inbox_id": inbox_id,
            },
        }
        os.write(descriptor, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    return time.process_time_ns() - begun_ns


def talk_at_rate(emitter: Emitter, rate_per_s: float, first_job: int) -> None:
    """One event at a time, to absolute deadlines, until the process is killed."""
    gap_ns, due_ns, number = round(_NS_PER_S / rate_per_s), time.monotonic_ns(), first_job
    while True:
        number += 1
        about = about_execution(f"j{number:06d}", number, str(number))
        for kind in ("job_started", "job_completed"):
            due_ns += gap_ns
            time.sleep(max(0, due_ns - time.monotonic_ns()) / _NS_PER_S)
            emitter.tell(kind, about)


def main() -> None:
    """Talk as ordered."""
    commands = CommandStream()
    init = commands.init()
    commands.watch(lambda: os.kill(os.getpid(), signal.SIGTERM))
    talk = msgspec.convert(init.settings, Talk)
    emitter = Emitter(
        init.event_fd,
        run_id=init.run_id,
        slot=init.slot,
        incarnation=init.incarnation,
        clock_anchor=init.clock_anchor,
    )
    emitter.emit("child_ready", {"pid": os.getpid(), "identity": str(os.getpid())})
    if talk.rate_per_s is not None:
        talk_at_rate(emitter, talk.rate_per_s, init.slot * _JOBS_OF_A_SLOT)
    told = [fact for number in range(1, talk.events // 2 + 1) for fact in facts(number)]
    by_emitter = talk.voice == "emitter"
    cpu_ns = talk_by_emitter(emitter, told) if by_emitter else talk_at_the_floor(init, told)
    sys.stdout.write(f"{cpu_ns}\n")


if __name__ == "__main__":
    main()
