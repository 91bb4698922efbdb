"""Wrong on purpose: it counts an event and never writes it."""

from __future__ import annotations

from typing import Any

from worker_child.runtime import Child
from worker_child.templates.python import worker as template

new_event_loop = template.new_event_loop


async def work(child: Child) -> None:
    emitter = child.emitter
    write = emitter.emit

    def write_most(kind: str, fields: dict[str, Any]) -> None:
        if kind == "job_completed" and fields["execution"] == 5:
            emitter._n += 1
        else:
            write(kind, fields)

    emitter.emit = write_most  # type: ignore[method-assign]
    await template.work(child)
