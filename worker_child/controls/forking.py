"""The forking control's worker: a first process that renews leases, and one of its own that works.

The second one has the whole worker in it, its events, its orders and its jobs. Nothing ties it to
the first one's life: who kills that alone has a worker that works on, and loses its claims.
"""

from __future__ import annotations

import asyncio
import os
import select
import sys
from dataclasses import replace

import psycopg

from worker_child.controls import worker
from worker_child.controls.statements import RENEW
from worker_child.lifeline import CommandStream, die_with_parent
from worker_child.protocol import Init
from worker_child.runtime import Child, serve


def main() -> None:
    """Run one worker, in two processes, until it is told to stop, or killed."""
    die_with_parent()
    commands = CommandStream()
    init = commands.init()
    leader_pid = os.getpid()
    pid = os.fork()
    if pid:
        _lead(init, pid)

    async def work(child: Child) -> None:
        await worker.CONTROLS[init.library](replace(child, leader_pid=leader_pid))

    with asyncio.Runner(loop_factory=worker.new_event_loop) as runner:
        runner.run(serve(init, commands, work))


def _lead(init: Init, pid: int) -> None:
    """Renew the claims of the process `pid` until its end, and leave as it has left."""
    os.close(init.event_fd)
    ended = os.pidfd_open(pid)
    parameters = {**init.settings, "identity": init.application_name}
    dsn, name = init.dsn, init.application_name
    with psycopg.connect(dsn, autocommit=True, application_name=name) as connection:
        while not select.select([ended], [], [], init.settings["renew_every_s"])[0]:
            connection.execute(RENEW, parameters)
    _, status = os.waitpid(pid, 0)
    sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)


if __name__ == "__main__":
    main()
