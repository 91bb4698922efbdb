"""What a test needs and a machine may lack: skipped with the remedy, but failed under CI."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

from orchestrator.libraries.build import Standing, refusal, standing_of
from orchestrator.libraries.library import find_library


def need_program(name: str, remedy: str) -> str:
    """The path of a program, such as a compiler."""
    path = shutil.which(name)
    return path or skip_or_fail(f"there is no {name} here: {remedy}")


def need_built(library: str) -> None:
    """A library's worker, built from its sources as they are now.

    One whose module was refused here, and may be, is skipped with that reason, under CI too.
    """
    found = find_library(library)
    standing = standing_of(found)
    if standing is Standing.REFUSED:
        pytest.skip(refusal(found))
    if standing is not Standing.BUILT:
        skip_or_fail(f"{library} is {standing.value}: run `make adapters`")


def skip_or_fail(lack: str) -> NoReturn:
    """Skip the test with the remedy in the report; fail it under CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(lack)
    pytest.skip(lack)
