"""Wrong on purpose: it begins to number its executions anew."""

from __future__ import annotations

from typing import Any

from worker_child.body import Execution
from worker_child.runtime import Child
from worker_child.templates.python import worker as template

new_event_loop = template.new_event_loop

_NUMBERS = 6


async def work(child: Child) -> None:
    body = child.body
    enter = body.enter

    def enter_again(payload: bytes, **arguments: Any) -> Execution:
        body._executions %= _NUMBERS
        return enter(payload, **arguments)

    body.enter = enter_again  # type: ignore[method-assign]
    await template.work(child)
