"""Wrong on purpose: it counts an event and never writes it."""

from __future__ import annotations

from worker_child.runtime import Child
from worker_child.templates.python import worker as template

new_event_loop = template.new_event_loop


async def work(child: Child) -> None:
    emitter = child.emitter
    write = emitter.tell

    def write_most(kind: str, told: str) -> None:
        if kind == "job_completed" and '"execution":5' in told:
            emitter._n += 1
        else:
            write(kind, told)

    emitter.tell = write_most  # type: ignore[method-assign]
    await template.work(child)
