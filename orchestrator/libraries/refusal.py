"""Asks whether a Go module that a library is built with can be had at all.

Asked apart from the build, so that nothing else that goes wrong there (a compile error, another
module's download, a checksum that does not match) can pass for a refusal.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

_ASK_LIMIT_S = 300.0
_NOT_TO_BE_TRUSTED = ("checksum mismatch", "SECURITY ERROR")
"""What Go says of a module that came and is not what it should be: no refusal."""

Ask = Callable[..., "subprocess.CompletedProcess[str]"]


def refusal_of(module: str, folder: Path, go: str, environment: Mapping[str, str]) -> str | None:
    """Why `module`, in the version that go.mod in `folder` requires, cannot be downloaded, in one
    line that names both; None = it can, or go.mod does not require it and the build will say so.
    """

    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [go, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ASK_LIMIT_S,
        )

    required = _required(module, ask)
    if required is None:
        return None
    try:
        error = _download_error(required, ask)
    except subprocess.TimeoutExpired:
        error = f"no answer within {_ASK_LIMIT_S:g} s"
    if not error or any(words in error for words in _NOT_TO_BE_TRUSTED):
        return None
    reason = " ".join(error.removeprefix(f"{required}: ").split())
    return f"{required} cannot be downloaded ({reason})"


def _required(module: str, ask: Ask) -> str | None:
    """``module@version`` as go.mod has it, read without asking anybody."""
    read = ask("mod", "edit", "-json")
    if read.returncode != 0:
        return None
    for each in json.loads(read.stdout).get("Require") or ():
        if each["Path"] == module:
            return f"{module}@{each['Version']}"
    return None


def _download_error(required: str, ask: Ask) -> str:
    asked = ask("mod", "download", "-json", required)
    try:
        return str(json.loads(asked.stdout).get("Error", ""))
    except json.JSONDecodeError:
        return asked.stderr.strip()
