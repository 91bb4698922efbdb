"""Wrong on purpose: it starts a process that flees into a session of its own."""

from __future__ import annotations

import subprocess
import sys

from worker_child.adapters.skeleton import worker as skeleton
from worker_child.runtime import Child

new_event_loop = skeleton.new_event_loop


async def work(child: Child) -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    subprocess.Popen(sleeper, start_new_session=True)
    await skeleton.work(child)
