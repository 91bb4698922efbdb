"""Wrong on purpose: whoever takes a row over from another worker counts that as an attempt."""

from __future__ import annotations

from worker_child.templates.python import lease_queue
from worker_child.templates.python import worker as template

new_event_loop = template.new_event_loop
work = template.work

lease_queue._CLAIM = lease_queue._CLAIM.replace(
    "SET claimed_by", "SET attempts = attempts + (claimed_by IS NOT NULL)::integer, claimed_by"
)
