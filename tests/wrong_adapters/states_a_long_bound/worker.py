"""The template's."""

from __future__ import annotations

from worker_child.templates.python import worker as template

new_event_loop = template.new_event_loop
work = template.work
