"""The janitor's process: it outlives the parent and leaves nothing of a run behind.

It is started before anything else, in a session of its own, and takes orders as JSON lines on
stdin. What must not be forgotten it makes itself (directories, databases): so there is no instant
at which a thing exists and nobody is charged with it. End of file on stdin means that the parent
has closed, or is dead; either way it clears up by the one same path and ends.

| order | meaning | reply |
|---|---|---|
| directory(under, uid, gid) | make a private directory, and clear those of dead runs | directory |
| process_group(group, started_ticks) | SIGKILL this group at the end | none |
| forget_process_group(group) | it has ended, its number may be used again | none |
| will_stop(pid, started_ticks) | SIGCONT to it and its group at the end, before all else | none |
| goes_on(pid) | it is not stopped any more | none |
| mark(entry) | SIGKILL whoever has this entry in its environment at the end | none |
| database(dsn, name, statement, kept) | make a database with this SQL | database |
| clear() | clear everything now, save databases that are kept, and go on | left |

The last line on stdout is ``{"left": [...]}``: what could not be cleared, a sentence each.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from orchestrator.processes import linux
from orchestrator.processes.left_behind import is_left_behind, sign
from orchestrator.processes.linux import Process

Order = dict[str, Any]
Reply = dict[str, Any] | None

GROUP_LIMIT_S = 2.0
QUIT_LIMIT_S = 3.0
KILL_LIMIT_S = 2.0
DATABASE_LIMIT_S = 5
CREATION_LIMIT_S = 30
_POLL_S = 0.01


class Charge:
    """Everything that the janitor is charged with, and how each thing is cleared."""

    def __init__(self) -> None:
        self._kept: list[tuple[str, str]] = []
        """Databases that stay until the janitor's own end."""
        self._begin()

    def _begin(self) -> None:
        self._groups: dict[int, int] = {}
        self._stopped: dict[int, int] = {}
        self._marks: list[str] = []
        self._directories: list[Path] = []
        self._databases: list[tuple[str, str]] = []
        self._undropped: list[tuple[str, str]] = []

    def take(self, order: Order) -> Reply:
        """Carry out one order of the parent; raises what the world raises."""
        orders: dict[str, Callable[..., Reply]] = {
            "directory": self._make_directory,
            "process_group": self._take_group,
            "forget_process_group": self._forget_group,
            "will_stop": self._take_stopped,
            "goes_on": self._forget_stopped,
            "mark": self._take_mark,
            "database": self._make_database,
            "clear": self._clear_for_another,
        }
        return orders[order.pop("do")](**order)

    def clear(self) -> list[str]:
        """Clear everything, in the order in which things hang on each other.

        Returns a sentence for each thing that is still there. A run has one directory or one
        database: by the limits above its clearing takes 14 s at the very most, and 10 s more for
        each database that was kept, or could not be dropped after an earlier run.
        """
        return self._clear([*self._databases, *self._kept])

    def _clear(self, databases: list[tuple[str, str]]) -> list[str]:
        for pid, started_ticks in self._stopped.items():
            _let_go_on(pid, started_ticks)
        # All signals first: nobody's end waits for somebody else's.
        for group, started_ticks in self._groups.items():
            _kill_group(group, started_ticks)
        asked: set[int] = set()
        for directory in self._directories:
            _ask_to_quit(directory, asked)
        left = [*self._end_groups(), *self._end_marked()]
        for directory in self._directories:
            left += _end_processes_below(directory, asked)
        for dsn, name in databases:
            if failed := list(_drop(dsn, name)):
                left += failed
                self._undropped.append((dsn, name))
        for directory in self._directories:
            left += _remove(directory)
        return left

    def _make_directory(self, under: str, uid: int, gid: int) -> Reply:
        clear_what_the_dead_left(Path(under), {os.geteuid(), uid})
        directory = Path(under) / f"cb-{secrets.token_hex(4)}"
        directory.mkdir(mode=0o700)
        self._directories.append(directory)
        sign(directory)
        if uid >= 0:
            os.chown(directory, uid, gid)
        return {"directory": str(directory)}

    def _take_group(self, group: int, started_ticks: int) -> Reply:
        self._groups[group] = started_ticks
        return None

    def _forget_group(self, group: int) -> Reply:
        self._groups.pop(group, None)
        return None

    def _take_stopped(self, pid: int, started_ticks: int) -> Reply:
        self._stopped[pid] = started_ticks
        return None

    def _forget_stopped(self, pid: int) -> Reply:
        self._stopped.pop(pid, None)
        return None

    def _take_mark(self, entry: str) -> Reply:
        self._marks.append(entry)
        return None

    def _clear_for_another(self) -> Reply:
        left = self._clear(self._databases)
        self._kept += self._undropped  # tried once more at the end
        self._begin()
        return {"left": left}

    def _make_database(self, dsn: str, name: str, statement: str, kept: bool) -> Reply:
        import psycopg  # here, as only runs on a given server need it

        (self._kept if kept else self._databases).append((dsn, name))
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(f"SET statement_timeout = '{CREATION_LIMIT_S}s'".encode())
            connection.execute(statement.encode())
        return {"database": name}

    def _end_groups(self) -> Iterator[str]:
        def living() -> list[int]:
            return [group for group, ticks in self._groups.items() if _kill_group(group, ticks)]

        if not _until(lambda: not living(), GROUP_LIMIT_S):
            yield f"process groups {living()} still live {GROUP_LIMIT_S:g} s after SIGKILL"

    def _end_marked(self) -> Iterator[str]:
        def living() -> list[int]:
            return [process.pid for mark in self._marks for process in _kill_marked(mark)]

        if not _until(lambda: not living(), GROUP_LIMIT_S):
            yield f"processes {living()} of the run still live {GROUP_LIMIT_S:g} s after SIGKILL"


def _let_go_on(pid: int, started_ticks: int) -> None:
    """SIGCONT to a process, if it is still the one meant, and to the group that it leads.

    Who is stopped heeds no signal but SIGKILL: a server could not shut down in good order.
    """
    process = linux.read(pid)
    if process is not None and process.started_ticks != started_ticks:
        return  # the number was given to another process
    for member in linux.living():
        if pid in (member.pid, member.group):
            _signal(member, signal.SIGCONT)


def _kill_marked(mark: str) -> list[Process]:
    """SIGKILL whoever bears the mark; returns them."""
    marked = linux.living_marked(mark)
    for process in marked:
        _signal(process, signal.SIGKILL)
    return marked


def _kill_group(group: int, started_ticks: int) -> list[Process]:
    """SIGKILL the group if it is still the one meant; returns its living members."""
    leader = linux.read(group)
    if leader is not None and leader.started_ticks != started_ticks:
        return []  # the number was given to another process, so the group had ended
    members = linux.living_in_group(group)
    for member in members:
        _signal(member, signal.SIGKILL)
    return members


def _ask_to_quit(directory: Path, asked: set[int]) -> None:
    """SIGQUIT whoever works in the directory and has no parent there: the postmaster, initdb.

    SIGQUIT is the postmaster's immediate shutdown: it ends its own children and frees its shared
    memory. A backend whose postmaster is dead has no parent there either and is asked too.
    """
    here = linux.living_below(directory)
    pids = {process.pid for process in here}
    for process in here:
        if process.parent_pid not in pids and process.pid not in asked:
            asked.add(process.pid)
            _signal(process, signal.SIGQUIT)


def _end_processes_below(directory: Path, asked: set[int]) -> Iterator[str]:
    def gone() -> bool:
        _ask_to_quit(directory, asked)
        return not linux.living_below(directory)

    def killed() -> bool:
        here = linux.living_below(directory)
        for process in here:
            _signal(process, signal.SIGKILL)
        return not here

    if not _until(gone, QUIT_LIMIT_S) and not _until(killed, KILL_LIMIT_S):
        pids = [process.pid for process in linux.living_below(directory)]
        yield f"processes {pids} still live below {directory} after SIGKILL"


def _signal(process: Process, number: signal.Signals) -> None:
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return  # it ended by itself
    except PermissionError:
        return  # then it still lives when its limit runs out, and is reported


def _drop(dsn: str, name: str) -> Iterator[str]:
    import psycopg
    from psycopg.sql import SQL, Identifier

    timeout = SQL("SET statement_timeout = {}").format(f"{DATABASE_LIMIT_S}s")
    drop = SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name))
    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=DATABASE_LIMIT_S) as connection:
            connection.execute(timeout)
            connection.execute(drop)
    except psycopg.Error as error:
        # The text of a psycopg error may quote the DSN, so only its sort is told.
        yield f'database "{name}" could not be dropped: {type(error).__name__}'


def clear_what_the_dead_left(under: Path, owners: set[int]) -> None:
    """Clear the directories of runs below `under` whose parent and janitor were both killed.

    `owners` are the user ids that they may belong to. What cannot be cleared stays: it is nothing
    of this run's.
    """
    for directory in under.glob("cb-*"):
        if is_left_behind(directory, owners):
            for _ in _end_processes_below(directory, set()):
                return
            shutil.rmtree(directory, ignore_errors=True)


def _remove(directory: Path) -> Iterator[str]:
    def removed() -> bool:
        shutil.rmtree(directory, ignore_errors=True)
        return not directory.exists()

    if not _until(removed, KILL_LIMIT_S):
        yield f"directory {directory} could not be removed"


def _until(condition: Callable[[], bool], limit_s: float) -> bool:
    """Poll until the condition holds (True) or the limit has passed (False)."""
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _say(message: dict[str, Any]) -> None:
    try:
        os.write(sys.stdout.fileno(), json.dumps(message).encode() + b"\n")
    except BrokenPipeError:
        if message.get("left"):  # the parent is dead: a person may still read this
            sys.stderr.write(f"crashbench janitor: {'; '.join(message['left'])}\n")


def _serve(orders: Iterable[bytes], charge: Charge) -> None:
    for line in orders:
        if not line.endswith(b"\n"):
            return  # the parent died within a write
        try:
            reply = charge.take(json.loads(line))
        except Exception as error:  # noqa: BLE001 - goes back to the parent, who raises it
            reply = {"error": str(error), "sort": type(error).__name__}
        if reply is not None:
            _say(reply)


def main() -> None:
    """Serve until end of file on stdin, clear up, say what is left; exit code 1 if anything is."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    charge = Charge()
    try:
        _serve(sys.stdin.buffer, charge)
    finally:
        left = charge.clear()
        _say({"left": left})
    sys.exit(1 if left else 0)


if __name__ == "__main__":
    main()
