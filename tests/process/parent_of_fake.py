"""A small parent that is killed by a test: it spawns one fake child and says when it is ready.

Arguments: a folder for the child's logs, its argv. Says the child's pid.
"""

from __future__ import annotations

import select
import signal
import sys
from pathlib import Path

from orchestrator.workers.spawner import Spawner
from tests.process.fake_argv import make_init


def main(logs: str, *argv: str) -> None:
    """Spawn, wait for the child's first line, say its pid, wait to be killed."""
    child = Spawner(Path(logs), "doomed").spawn(make_init(0, 0), argv)
    select.select([child], [], [], 30)
    assert child.read(), "no child_ready within 30 s"
    sys.stdout.write(f"{child.pid}\n")
    sys.stdout.flush()
    signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
