"""Whose directory is it, and is nobody left to clear it? Told by a mark that lies in it.

A janitor clears its directory whatever becomes of its parent. Only where both of them are killed
something stays; the next run then clears it.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from orchestrator.processes import linux

MARK = "crashbench.json"
"""In the directory; says whose it is."""

_PARTS = {"boot", "pid_namespace", "processes"}
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")


def sign(directory: Path) -> None:
    """Write down that this process, the janitor, and its parent are charged with `directory`."""
    mine = [linux.read(pid) for pid in (os.getpid(), os.getppid())]
    mark = {
        **_here(),
        "processes": [[one.pid, one.started_ticks] for one in mine if one is not None],
    }
    descriptor = os.open(directory / MARK, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(mark, file)


def is_left_behind(directory: Path, owners: set[int]) -> bool:
    """Whether `directory` bears our mark, belongs to one of `owners`, and nobody who was charged
    with it lives.

    In doubt it is not: of another machine, boot or container nobody here knows who lives there.
    """
    mark = _read(directory, owners)
    if mark is None or {key: mark[key] for key in _here()} != _here():
        return False
    return not any(_lives(pid, started_ticks) for pid, started_ticks in mark["processes"])


def _read(directory: Path, owners: set[int]) -> dict[str, Any] | None:
    """The mark, where directory and mark are what we make, and nobody else's."""
    try:
        place = directory.lstat()
        if not stat.S_ISDIR(place.st_mode) or place.st_uid not in owners:
            return None
        descriptor = os.open(directory / MARK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            of_mark = os.fstat(file.fileno())
            if not stat.S_ISREG(of_mark.st_mode) or of_mark.st_uid != os.geteuid():
                return None
            mark = json.loads(file.read(10_000))
    except (OSError, ValueError):
        return None
    return mark if _is_whole(mark) else None


def _is_whole(mark: Any) -> bool:
    if not isinstance(mark, dict) or mark.keys() != _PARTS:
        return False
    processes = mark["processes"]
    return (
        isinstance(processes, list)
        and bool(processes)
        and all(
            isinstance(one, list) and len(one) == 2 and all(type(part) is int for part in one)
            for one in processes
        )
    )


def _here() -> dict[str, str]:
    return {"boot": _BOOT_ID.read_text().strip(), "pid_namespace": str(_NAMESPACE.readlink())}


def _lives(pid: int, started_ticks: int) -> bool:
    process = linux.read(pid)
    return process is not None and process.alive and process.started_ticks == started_ticks
