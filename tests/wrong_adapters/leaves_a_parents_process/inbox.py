"""Wrong on purpose: what its parent's side starts is never ended."""

from __future__ import annotations

import subprocess
from pathlib import Path

from worker_child.adapters.program import python_argv
from worker_child.templates.python.inbox import MyQueueAdapter


class LeavesAParentsProcess(MyQueueAdapter):
    """The template but for one thing."""

    name = "leaves_a_parents_process"

    def install(self, dsn: str) -> None:
        super().install(dsn)
        left = subprocess.Popen(["/bin/sleep", "600"], start_new_session=True)
        left.returncode = 0  # nobody is to be warned of what is left on purpose

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)
