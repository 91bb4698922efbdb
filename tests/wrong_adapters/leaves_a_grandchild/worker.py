"""Wrong on purpose: it starts a process that flees into a session of its own."""

from __future__ import annotations

import subprocess
import sys

from worker_child.runtime import Child
from worker_child.templates.python import worker as template

new_event_loop = template.new_event_loop


async def work(child: Child) -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    subprocess.Popen(sleeper, start_new_session=True)
    await template.work(child)
