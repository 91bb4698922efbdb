"""pgqueuer's worker, whose first process dies in its first fan-out: enqueued, and not yet said."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

from worker_child.__main__ import main
from worker_child.body import Body, Enqueue, Execution
from worker_child.protocol import Plan

_fan_out = Body._fan_out


async def _die_before_saying_so(body: Body, execution: Execution) -> None:
    library = body.enqueue
    assert library is not None
    if body._init.incarnation == 0 and execution.plan.children:
        body.enqueue = _deadly(library)
    await _fan_out(body, execution)


def _deadly(library: Enqueue) -> Enqueue:
    async def enqueue(plans: Sequence[Plan], payloads: Sequence[bytes]) -> Sequence[str]:
        await library(plans, payloads)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("outlived SIGKILL")

    return enqueue


if __name__ == "__main__":
    Body._fan_out = _die_before_saying_so  # type: ignore[method-assign, assignment]
    main()
