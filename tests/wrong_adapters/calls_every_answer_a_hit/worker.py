"""The control with a cache: nothing is wrong here."""

from __future__ import annotations

from worker_child.controls import cache
from worker_child.controls import worker as control

new_event_loop = control.new_event_loop
work = cache.work
