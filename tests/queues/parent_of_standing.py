"""A lane that is killed by a test: it has made a database to copy, and says so.

Arguments: the DSN of a server, a library.
"""

from __future__ import annotations

import signal
import sys

from orchestrator.run.standing import Standing
from worker_child.adapters import load_adapter


def main(dsn: str, library: str) -> None:
    """Make it, say its name, wait to be killed."""
    with Standing() as standing:
        sys.stdout.write(f"{standing.template(dsn, library, load_adapter(library))}\n")
        sys.stdout.flush()
        signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
