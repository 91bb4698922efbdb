"""Wrong on purpose: it writes an event that is longer than an atomic write."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from worker_child.runtime import Child
from worker_child.templates.python import worker as template

new_event_loop = template.new_event_loop


async def work(child: Child) -> None:
    init = child.init
    fields: dict[str, Any] = {"t_ns": time.monotonic_ns(), "n": 0, "slot": init.slot}
    fields |= {"incarnation": init.incarnation, "code": "talkative", "message": "x" * 5000}
    line = {"run_id": init.run_id, "timestamp": "", "kind": "note", "fields": fields}
    os.write(init.event_fd, json.dumps(line).encode() + b"\n")
    await template.work(child)
