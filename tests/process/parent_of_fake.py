"""A small parent that is killed by a test: it spawns one fake child and says when it is ready.

Arguments: the child's behaviour, a folder for its logs. Says the child's pid.
"""

from __future__ import annotations

import select
import signal
import sys
from pathlib import Path

from orchestrator.child import Spawner
from tests.process.fake_argv import argv, make_init


def main(behaviour: str, logs: str) -> None:
    """Spawn, wait for the child's first line, say its pid, wait to be killed."""
    child = Spawner(Path(logs), "doomed").spawn(make_init(0, 0), argv(behaviour))
    select.select([child], [], [], 30)
    assert child.read(), "no child_ready within 30 s"
    sys.stdout.write(f"{child.pid}\n")
    sys.stdout.flush()
    signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
