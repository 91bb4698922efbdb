"""What a test needs and a machine may lack: skipped with the remedy, but failed under CI."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from worker_child.adapters.built import NotBuiltError, built


def need_program(name: str, remedy: str) -> str:
    """The path of a program, such as a compiler."""
    path = shutil.which(name)
    return path or skip_or_fail(f"there is no {name} here: {remedy}")


def need_built(library: str) -> Path:
    """The path of a library's built worker."""
    try:
        return built(library)
    except NotBuiltError as error:
        skip_or_fail(str(error))


def skip_or_fail(lack: str) -> NoReturn:
    """Skip the test with the remedy in the report; fail it under CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(lack)
    pytest.skip(lack)
