"""A late-acknowledging worker that is broken on purpose: it acknowledges before it works."""

from __future__ import annotations

from worker_child.__main__ import main
from worker_child.controls.consumers import Consumer
from worker_child.controls.late_ack import LateAcknowledger
from worker_child.controls.statements import CLAIM_BY_NAME


async def serve_one(_: LateAcknowledger, consumer: Consumer) -> bool:
    job = await consumer.claim(CLAIM_BY_NAME)
    if job is None:
        return False
    await consumer.acknowledge([job])
    await consumer.carry_out(job)
    return True


if __name__ == "__main__":
    LateAcknowledger.serve_one = serve_one  # type: ignore[method-assign, assignment]
    main()
