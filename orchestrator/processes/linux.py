"""The kernel's table of processes, and to whom orphans fall: what cleaning up after a run needs.

Standard library only: the janitor starts quickly and depends on nothing.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_PR_SET_CHILD_SUBREAPER = 36
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Process:
    """One line of the table; see proc_pid_stat(5)."""

    pid: int
    state: str
    parent_pid: int
    group: int
    session: int
    started_ticks: int
    """Clock ticks from boot to its start: (pid, started_ticks) is never used twice."""

    @property
    def alive(self) -> bool:
        """A zombie is not alive: only its exit status is left."""
        return self.state not in "ZX"


def read(pid: int) -> Process | None:
    """The process `pid` (a zombie too), or None when there is none."""
    try:
        line = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the program's name in brackets and may itself hold blanks and brackets.
    fields = line[line.rindex(")") + 2 :].split()
    return Process(
        pid=pid,
        state=fields[0],
        parent_pid=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        started_ticks=int(fields[19]),
    )


def thread_states(pid: int) -> set[str]:
    """The states of all threads of a process, zombies apart (proc_pid_stat(5)); empty when it is
    gone."""
    states: set[str] = set()
    try:
        tasks = list((_PROC / str(pid) / "task").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return states
    for task in tasks:
        try:
            line = (task / "stat").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue  # the thread has just ended
        states.add(line[line.rindex(")") + 2])
    return states - {"Z", "X"}


def everyone() -> Iterator[Process]:
    """Every process, zombies too."""
    for entry in _PROC.iterdir():
        if entry.name.isdecimal() and (process := read(int(entry.name))) is not None:
            yield process


def living() -> Iterator[Process]:
    """Every process that is alive."""
    return (process for process in everyone() if process.alive)


def living_in_group(group: int) -> list[Process]:
    """The living members of a process group."""
    return [process for process in living() if process.group == group]


def living_below(directory: Path) -> list[Process]:
    """The living processes whose working directory is `directory` or lies below it."""
    return [process for process in living() if _works_below(process.pid, directory)]


def living_marked(mark: str) -> list[Process]:
    """The living processes that bear `mark` (``NAME=value``, see `is_marked`).

    An environment is inherited, whatever session or group a descendant has fled into.
    """
    return [process for process in living() if is_marked(process.pid, mark)]


def is_marked(pid: int, mark: str) -> bool:
    """Whether in the environment of a process stands the entry `mark`, or one that begins with it
    and a colon."""
    entry = mark.encode()
    return any(found == entry or found.startswith(entry + b":") for found in _environment(pid))


def command_line(pid: int) -> str:
    """What a process was started as, words apart by blanks; "" when there is none."""
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def children_of(pid: int) -> list[Process]:
    """The children of a process, zombies too, as far as they have not been reaped."""
    return [process for process in everyone() if process.parent_pid == pid]


def rss_bytes(pid: int) -> int:
    """Resident memory of a process, 0 when there is none; see proc_pid_statm(5)."""
    try:
        pages = (_PROC / str(pid) / "statm").read_text().split()[1]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(pages) * _PAGE_BYTES


def become_subreaper() -> None:
    """Have orphaned descendants fall to the caller, so that none can slip away (prctl(2)).

    Raises OSError where the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _environment(pid: int) -> list[bytes]:
    try:
        return (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []  # it has ended, or is another user's and so none of ours


def _works_below(pid: int, directory: Path) -> bool:
    try:
        working = (_PROC / str(pid) / "cwd").readlink()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False  # it has ended, or is another user's and so none of ours
    return working.is_relative_to(directory)
