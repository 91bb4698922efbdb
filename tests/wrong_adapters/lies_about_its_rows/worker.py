"""Wrong on purpose: it says of claimed rows that they are queued. Its worker is as it should be."""

from worker_child.templates.python.worker import new_event_loop as new_event_loop
from worker_child.templates.python.worker import work as work
