"""Wrong on purpose: neither the death of its parent nor the end of its stdin ends it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from worker_child.lifeline import CommandStream
from worker_child.runtime import Child
from worker_child.templates.python import worker as template

new_event_loop = template.new_event_loop

_PR_SET_PDEATHSIG = 1


def _watch_and_stay(commands: CommandStream, on_stop: Callable[[], object]) -> None:
    while commands._line() is not None:
        on_stop()


CommandStream._watch = _watch_and_stay  # type: ignore[assignment,method-assign]


async def work(child: Child) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, 0, 0, 0, 0)
    await template.work(child)
