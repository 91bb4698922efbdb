"""A late-acknowledging worker that is broken on purpose: it acknowledges before it works."""

from __future__ import annotations

from worker_child.__main__ import main
from worker_child.adapters.control.places import Place
from worker_child.adapters.control.statements import CLAIM_BY_NAME
from worker_child.adapters.control_late_ack.worker import LateAcknowledger


async def serve_one(_: LateAcknowledger, place: Place) -> bool:
    job = await place.claim(CLAIM_BY_NAME)
    if job is None:
        return False
    await place.acknowledge([job])
    await place.carry_out(job)
    return True


if __name__ == "__main__":
    LateAcknowledger.serve_one = serve_one  # type: ignore[method-assign, assignment]
    main()
