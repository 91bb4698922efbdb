"""Wrong on purpose: it acknowledges a job before it works on it."""

from __future__ import annotations

from worker_child.templates.python import worker as template
from worker_child.templates.python.lease_queue import ClaimedJob, LeaseQueue

new_event_loop = template.new_event_loop

work = template.work
claim = LeaseQueue.claim


async def _claim_and_acknowledge(queue: LeaseQueue) -> ClaimedJob | None:
    job = await claim(queue)
    if job is not None:
        await queue.acknowledge(job)
    return job


LeaseQueue.claim = _claim_and_acknowledge  # type: ignore[assignment,method-assign]
