"""Wrong on purpose: each attempt is the first."""

from __future__ import annotations

from typing import Any

from worker_child.body import Body, Execution
from worker_child.templates.python import worker as template

new_event_loop = template.new_event_loop
work = template.work
enter = Body.enter


def _enter_for_the_first_time(self: Body, *payload: Any, **told: Any) -> Execution:
    return enter(self, *payload, **{**told, "library_attempt": 0})


Body.enter = _enter_for_the_first_time  # type: ignore[method-assign]
