"""A parent that is killed by a test: it has a warm process and one worker forked from it.

Arguments: the folder of an adapter. Says the two process ids once the worker has been let go.
"""

from __future__ import annotations

import select
import signal
import sys
from pathlib import Path

from orchestrator.processes import linux
from orchestrator.workers.spawner import Spawner
from orchestrator.workers.warm import WarmProcess
from tests.process.fake_argv import make_init
from worker_child.adapters.program import python_argv


def main(folder: str) -> None:
    """Spawn, wait for the worker's first line, say both, wait to be killed."""
    linux.become_subreaper()
    argv = python_argv(folder=Path(folder))
    warm = WarmProcess(argv, "fake")
    child = Spawner(Path(folder), "doomed", warm).spawn(make_init(0, 0), argv)
    select.select([child], [], [], 30)
    assert child.read(), "nothing said within 30 s"
    sys.stdout.write(f"{warm.pid} {child.pid}\n")
    sys.stdout.flush()
    signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
