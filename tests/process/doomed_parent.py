"""A small parent that is killed by a test: it charges a janitor, opens a server, starts a worker.

Prints a line after each step and then waits for its end. Arguments: the steps to take.
"""

from __future__ import annotations

import signal
import subprocess
import sys

from orchestrator.postgres.server import open_server
from orchestrator.processes.janitor import Janitor

# A worker of the worst sort: deaf to everything but SIGKILL, with a child of the same sort.
_STUBBORN = """
import os, signal, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
os.fork()
print("deaf", flush=True)
time.sleep(600)
"""


def _start_worker(janitor: Janitor) -> subprocess.Popen[bytes]:
    worker = subprocess.Popen(
        [sys.executable, "-I", "-c", _STUBBORN], stdout=subprocess.PIPE, start_new_session=True
    )
    janitor.process_group(worker.pid)
    assert worker.stdout is not None
    for _ in range(2):  # itself and its child
        assert worker.stdout.readline() == b"deaf\n"
    return worker


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(steps: list[str]) -> None:
    """Take the steps ``worker``, ``server`` or ``database=DSN``, then wait to be killed."""
    janitor = Janitor()
    _say(f"janitor {janitor.pid}")
    kept: list[object] = []
    for step in steps:
        name, _, value = step.partition("=")
        if name == "worker":
            worker = _start_worker(janitor)
            kept.append(worker)
            _say(f"worker {worker.pid}")
        else:
            server = open_server(value or None, run_id="doomed", janitor=janitor)
            kept.append(server)
            _say(f"{name} {server.postmaster_pid}")
    _say("ready")
    signal.pause()


if __name__ == "__main__":
    main(sys.argv[1:])
