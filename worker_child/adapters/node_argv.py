"""The command that starts a Node worker."""

from __future__ import annotations

from pathlib import Path


def node_argv(child: Path, main: Path) -> list[str]:
    """The argv of a worker whose program is `main`; `child` is the folder of the Node twins.

    Node has no prctl(2), so setpriv of util-linux asks for SIGKILL at the parent's death and then
    becomes node: what was asked for outlives an execve (PR_SET_PDEATHSIG(2const)).
    """
    return ["setpriv", "--pdeathsig", "KILL", "node", str(child / "launch.cjs"), str(main)]
