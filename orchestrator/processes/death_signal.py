"""Start a program on a tether: it gets a signal at the moment its parent dies.

Run as a file by a bare interpreter, which takes some 10 ms: set the user, ask the kernel for the
death signal, make sure that the parent still lives, exec. This is not done through Popen's
``preexec_fn``: that runs Python between fork and exec of a process with threads.

The signal comes when the *thread* that started the program ends (prctl(2), PR_SET_PDEATHSIG), so
whoever uses a tether starts the program from its main thread.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

_PR_SET_PDEATHSIG = 1
_EXIT_CANNOT_EXEC = 127


@dataclass(frozen=True)
class Account:
    """The user under whom a program runs."""

    name: str
    uid: int
    gid: int


def tethered(command: Sequence[str], death_signal: int, account: Account | None) -> list[str]:
    """The argv that runs `command` tethered to the calling process.

    `account` None = the caller's own user; another one needs root. The command's first word is a
    path: PATH is not searched.
    """
    uid, gid = (account.uid, account.gid) if account else (-1, -1)
    orders = [str(number) for number in (os.getpid(), int(death_signal), uid, gid)]
    return [sys.executable, "-I", "-S", __file__, *orders, *command]


def _run(parent_pid: int, death_signal: int, uid: int, gid: int, command: list[str]) -> int:
    libc = ctypes.CDLL(None, use_errno=True)  # loaded while we may still read everything
    try:
        if uid >= 0:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
        # After setuid, which clears the death signal.
        if libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
        if os.getppid() != parent_pid:
            return _EXIT_CANNOT_EXEC  # the parent died before the tether was on
        os.execv(command[0], command)  # noqa: S606 - exec is what this file is for
    except OSError as error:
        sys.stderr.write(f"cannot run {command[0]} as user {os.getuid()}: {error}\n")
        return _EXIT_CANNOT_EXEC


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:5]]
    sys.exit(_run(numbers[0], numbers[1], numbers[2], numbers[3], sys.argv[5:]))
