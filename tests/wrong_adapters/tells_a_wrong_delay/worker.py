"""Wrong on purpose: it tells ten times the delay that it waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from worker_child.emitter import Emitter
from worker_child.templates.python import worker as template

new_event_loop = template.new_event_loop
work = template.work
emit = Emitter.emit


def _emit_ten_times(self: Emitter, kind: str, fields: Mapping[str, Any]) -> None:
    wrong = {"delay_s": 10 * fields["delay_s"]} if kind == "job_retried" else {}
    emit(self, kind, {**fields, **wrong})


Emitter.emit = _emit_ten_times  # type: ignore[method-assign]
