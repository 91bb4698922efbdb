"""The template's worker; whom it finds dead has used up the attempt it was in."""

from __future__ import annotations

from worker_child.runtime import Child
from worker_child.templates.python import lease_queue
from worker_child.templates.python import worker as template

new_event_loop = template.new_event_loop

_CLAIM = lease_queue._CLAIM.replace(
    "SET claimed_by", "SET attempts = attempts + (claimed_by IS NOT NULL)::integer, claimed_by"
).replace("WHERE NOT given_up AND", "WHERE NOT given_up AND {allowed} AND")
_BURY = """
UPDATE my_queue_job SET given_up = true, claimed_by = NULL, attempts = attempts + 1
WHERE claimed_by IS NOT NULL AND claimable_at <= clock_timestamp() AND NOT {allowed}
"""


async def work(child: Child) -> None:
    """As the template's, with the attempts that the run allows."""
    most: int = child.init.settings["max_attempts"]
    allowed = f"(claimed_by IS NULL OR attempts + 1 < {most})"
    lease_queue._CLAIM = (
        f"WITH buried AS ({_BURY.format(allowed=allowed)}) {_CLAIM.format(allowed=allowed)}"
    )
    await template.work(child)
