"""What a test needs and a machine may lack: skipped with the remedy, but failed under CI."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from worker_child.adapters.built import NotBuiltError, built


def need_program(name: str, remedy: str) -> str:
    """The path of a program, such as a compiler."""
    path = shutil.which(name)
    return _lack(f"there is no {name} here: {remedy}") if path is None else path


def need_built(library: str) -> Path:
    """The path of a library's built worker."""
    try:
        return built(library)
    except NotBuiltError as error:
        return Path(_lack(str(error)))


def _lack(text: str) -> str:
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    pytest.skip(text)
