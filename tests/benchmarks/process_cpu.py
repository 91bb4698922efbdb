"""What each process of a run takes of a core, from outside: its tree, looked at ten times a second.

To look costs CPU of its own, so a run that is watched is never one whose speed is compared.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import psutil

_LOOK_EVERY_S = 0.1
_NS_PER_S = 1_000_000_000

ROLES = {
    "hiccup_sleeper": "hiccup meter",
    "janitor_process": "janitor",
    "--mode=child": "worker",
    "--mode=parent": "parent",
    "postgres": "PostgreSQL",
}
"""What stands somewhere in a process's command line, and what we call it; the first that fits."""
OTHER = "other"
OUR_OWN = ("parent", "hiccup meter", "janitor")
"""What there is of the harness beside the queue, its server and its worker."""


class CpuWatch:
    """Looks at all descendants of this process from its beginning to its end."""

    def __init__(self) -> None:
        self._looks: list[tuple[int, dict[int, float]]] = []
        self._role_of: dict[int, str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="CPU watch")

    def shares(self, begin_ns: int, end_ns: int) -> Mapping[str, float]:
        """By role: CPU time over wall time between the looks nearest to two instants.

        What ends between two looks is counted up to the last one that saw it.
        """
        spent_s: defaultdict[str, float] = defaultdict(float)
        looks = [look for look in self._looks if begin_ns <= look[0] <= end_ns]
        assert len(looks) > 1, "the run was not looked at twice between these instants"
        first: dict[int, float] = {}
        last: dict[int, float] = {}
        for _, cpu_s in looks:
            last |= cpu_s
            first = cpu_s | first
        for pid, until_s in last.items():
            spent_s[self._role_of.get(pid, OTHER)] += until_s - first[pid]
        wall_s = (looks[-1][0] - looks[0][0]) / _NS_PER_S
        return {role: spent / wall_s for role, spent in spent_s.items()}

    def _run(self) -> None:
        me = psutil.Process()
        while not self._stop.wait(_LOOK_EVERY_S):
            cpu_s: dict[int, float] = {}
            for process in me.children(recursive=True):
                try:
                    times, command = process.cpu_times(), process.cmdline()
                except psutil.NoSuchProcess:
                    continue
                if command:  # a zombie has none any more; one that has just been forked, another's
                    self._role_of[process.pid] = _role(command)
                cpu_s[process.pid] = times.user + times.system
            self._looks.append((time.monotonic_ns(), cpu_s))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()


def _role(command: list[str]) -> str:
    text = " ".join(command)
    return next((role for mark, role in ROLES.items() if mark in text), OTHER)
