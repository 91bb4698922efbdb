"""A control with a lease whose worker frees rows by their holder's name as soon as it starts: those
of its own name, or, called with ``--greedy``, those of every worker of the run."""

from __future__ import annotations

import sys

from worker_child.__main__ import main
from worker_child.controls.consumers import connect, identity_of, run_consumers
from worker_child.controls.worker import CONTROLS, lease
from worker_child.runtime import Child

_FREE = """
UPDATE control_job SET claimed_by = NULL, claimed_at = NULL, claimed_until = NULL
WHERE claimed_by = %(mine)s OR (%(greedy)s AND claimed_by LIKE %(ours)s)
"""
GREEDY = "--greedy"


async def take_over(child: Child) -> None:
    name = identity_of(child)
    whose = {"mine": name, "greedy": GREEDY in sys.argv, "ours": f"{name.rpartition(':')[0]}:%"}
    async with await connect(child) as connection:
        await connection.execute(_FREE, whose)
    await run_consumers(child, lease)


if __name__ == "__main__":
    CONTROLS["control_short_lease"] = take_over
    main()
