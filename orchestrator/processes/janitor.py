"""The parent's hold on its janitor, the process that leaves nothing of a run behind.

However the parent ends (a return, an exception, SIGKILL), the janitor sees end of file on its
stdin and clears whatever it was charged with; see `orchestrator.processes.janitor_process`. There
is no second way: a normal end only stops things gently first.
"""

from __future__ import annotations

import json
import logging
import os
import select
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from orchestrator.errors import JanitorError, NotMadeError
from orchestrator.paths import ROOT
from orchestrator.processes import linux
from orchestrator.processes.death_signal import Account
from worker_child.paths import OUR_PYTHON

CLOSE_LIMIT_S = 20.0
"""Above the sum of the janitor's own bounds."""

REPLY_LIMIT_S = 60.0
"""Above the longest order: making a database on a slow server."""

_log = logging.getLogger(__name__)


def _warned(left: list[str]) -> list[str]:
    for sentence in left:
        _log.warning("not cleared: %s", sentence)
    return left


class Janitor:
    """A running janitor. Start it before anything that must not be left behind.

    Raises `JanitorError` from any order when the process is gone: then nothing that is made from
    now on would be cleared.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [*OUR_PYTHON, "-m", "orchestrator.processes.janitor_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            bufsize=0,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._orders = self._process.stdin
        self._replies = self._process.stdout

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def directory(self, under: Path, owner: Account | None = None) -> Path:
        """Make a private directory (0700) with a short random name below `under`.

        At the end every process that works in it is ended (SIGQUIT, then SIGKILL) and the
        directory is removed. `owner` None = the caller. Raises `NotMadeError`.
        """
        uid, gid = (owner.uid, owner.gid) if owner else (-1, -1)
        reply = self._ask(do="directory", under=str(under), uid=uid, gid=gid)
        return Path(reply["directory"])

    def process_group(self, leader_pid: int) -> None:
        """Have the process group led by our child `leader_pid` killed at the end."""
        leader = linux.read(leader_pid)
        if leader is not None:
            self._tell(do="process_group", group=leader_pid, started_ticks=leader.started_ticks)

    def forget_process_group(self, leader_pid: int) -> None:
        """The group has ended and its leader was reaped: its number may be used again."""
        self._tell(do="forget_process_group", group=leader_pid)

    def will_stop(self, pid: int) -> None:
        """Have our child `pid`, and the process group that it leads, go on (SIGCONT) at the end,
        before anything is ended. To be noted before it is stopped."""
        process = linux.read(pid)
        if process is not None:
            self._tell(do="will_stop", pid=pid, started_ticks=process.started_ticks)

    def goes_on(self, pid: int) -> None:
        """It has been sent SIGCONT."""
        self._tell(do="goes_on", pid=pid)

    def mark(self, name: str, value: str) -> None:
        """Have every process with ``name=value`` in its environment killed at the end."""
        self._tell(do="mark", entry=f"{name}={value}")

    def database(self, dsn: str, name: str, statement: str, *, kept: bool = False) -> None:
        """Make the database `name` with the SQL `statement`; at the end it is dropped by force.

        One that is `kept` stays when everything else is cleared for another run. Raises
        `NotMadeError`, whose text may quote the DSN.
        """
        self._ask(do="database", dsn=dsn, name=name, statement=statement, kept=kept)

    def clear(self) -> list[str]:
        """Have everything cleared that is not kept, and go on; returns what is left, as sentences.

        What is left is its charge no more, save databases, which it tries again at its own end.
        """
        return _warned(self._ask(do="clear")["left"])

    def close(self) -> list[str]:
        """Have everything cleared, wait for the janitor's end; returns what is left, as sentences.

        Closing twice is harmless.
        """
        if self._orders.closed:
            return []
        self._orders.close()
        left = self._last_words()
        self._replies.close()
        return _warned(left)

    def _last_words(self) -> list[str]:
        try:
            exit_code = self._process.wait(CLOSE_LIMIT_S)
        except subprocess.TimeoutExpired:
            return [f"the janitor (process {self.pid}) has not ended within {CLOSE_LIMIT_S:g} s"]
        lines = self._replies.read().splitlines()
        if not lines:
            return [f"the janitor (process {self.pid}) died with exit code {exit_code}"]
        left: list[str] = json.loads(lines[-1])["left"]
        return left

    def _tell(self, **order: Any) -> None:
        line = json.dumps(order).encode() + b"\n"
        try:
            # One write: a parent killed here leaves the whole order in the pipe, or nothing of it.
            os.write(self._orders.fileno(), line)
        except BrokenPipeError:
            raise self._gone() from None

    def _ask(self, **order: Any) -> dict[str, Any]:
        self._tell(**order)
        if not select.select([self._replies], [], [], REPLY_LIMIT_S)[0]:
            raise JanitorError(
                f"the janitor (process {self.pid}) has not made the {order['do']} within "
                f"{REPLY_LIMIT_S:g} s: is the machine or the server stuck?"
            )
        line = self._replies.readline()
        if not line:
            raise self._gone()
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise NotMadeError(
                f"the janitor could not make the {order['do']}: {reply['sort']}: {reply['error']}"
            )
        return reply

    def _gone(self) -> JanitorError:
        return JanitorError(
            f"the janitor (process {self.pid}) is gone, exit code {self._process.poll()}; "
            "nothing may be started that nobody would clear. Was it killed by hand?"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
