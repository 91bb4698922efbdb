"""A Python worker: tie the lifeline, read the init, hand over to the library's adapter."""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module

import msgspec

from worker_child.adapters.package import import_part
from worker_child.lifeline import EXIT_BAD_INPUT, CommandStream, die_with_parent

ADAPTER_OPTION = "--adapter="
"""Says which package or folder holds ``worker``; without it, the bundled one that bears the
library's name."""


def main() -> None:
    """Run one worker until it is told to stop, or killed."""
    die_with_parent()
    commands = CommandStream()
    try:
        init = commands.init()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        sys.stderr.write(f"the first line on stdin is no init: {error}\n")
        sys.exit(EXIT_BAD_INPUT)
    given = [word for word in sys.argv[1:] if word.startswith(ADAPTER_OPTION)]
    adapter = given[0].removeprefix(ADAPTER_OPTION) if given else f"{_BUNDLED}.{init.library}"
    worker = import_part(adapter, "worker")
    runtime = import_module("worker_child.runtime")
    with asyncio.Runner(loop_factory=worker.new_event_loop) as runner:
        runner.run(runtime.serve(init, commands, worker.work))


_BUNDLED = "worker_child.adapters"

if __name__ == "__main__":
    main()
