"""A Python worker: tie the lifeline, read the init, hand over to the library's adapter.

With `WARM_VARIABLE` in its environment it is what workers are forked from; see `worker_child.warm`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from importlib import import_module
from types import ModuleType

import msgspec

from worker_child.adapters.package import import_part
from worker_child.lifeline import EXIT_BAD_INPUT, CommandStream, die_with_parent
from worker_child.warm import WARM_VARIABLE, fork_when_ordered

ADAPTER_OPTION = "--adapter="
"""Says which package or folder holds ``worker``; without it, the bundled one that bears the
library's name."""


def main() -> None:
    """Run one worker until it is told to stop, or killed."""
    die_with_parent()
    if WARM_VARIABLE in os.environ:
        fork_when_ordered(_import)
        die_with_parent()
    commands = CommandStream()
    try:
        init = commands.init()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        sys.stderr.write(f"the first line on stdin is no init: {error}\n")
        sys.exit(EXIT_BAD_INPUT)
    worker, runtime = _import(init.library)
    with asyncio.Runner(loop_factory=worker.new_event_loop) as runner:
        runner.run(runtime.serve(init, commands, worker.work))


def _import(library: str) -> tuple[ModuleType, ModuleType]:
    """The adapter's ``worker``, and what stands around it."""
    given = [word for word in sys.argv[1:] if word.startswith(ADAPTER_OPTION)]
    adapter = given[0].removeprefix(ADAPTER_OPTION) if given else f"{_BUNDLED}.{library}"
    return import_part(adapter, "worker"), import_module("worker_child.runtime")


_BUNDLED = "worker_child.adapters"

if __name__ == "__main__":
    main()
