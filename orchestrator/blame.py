"""Whose fault it was that a worker died, by the last of what it wrote to stderr."""

from __future__ import annotations

import re
from pathlib import Path

OUR_FAULT = "crashbench: "
"""With this begins the last line of a child that ends by our own fault and knows it."""

_OUR_FOLDERS = tuple(
    str(Path(__file__).resolve().parent.parent / name) for name in ("worker_child", "orchestrator")
)
_GO_PANIC = re.compile(r"^goroutine \d+ (?:gp=\S+ )?.*\[running.*\]:$")
_GO_RUNTIME = ("panic(", "runtime.", "runtime/")
_OUR_GO_PACKAGES = ("crashbench/", "main.")


def ends_in_our_code(stderr: str) -> bool:
    """Whether the child says so, or the last frame of its traceback (Python) or the first one
    below the panic (Go) lies in the instrument's own folders."""
    lines = stderr.splitlines()
    if lines and lines[-1].startswith(OUR_FAULT):
        return True
    return _python_frame(lines).startswith(_OUR_FOLDERS) or _go_frame(lines).startswith(
        _OUR_GO_PACKAGES
    )


def _python_frame(lines: list[str]) -> str:
    frames = [line.lstrip() for line in lines if line.lstrip().startswith('File "')]
    return frames[-1].removeprefix('File "') if frames else ""


def _go_frame(lines: list[str]) -> str:
    """The function in which a Go program panicked; files stand indented under their functions."""
    begins = [place for place, line in enumerate(lines) if _GO_PANIC.match(line)]
    functions = [line for line in lines[begins[0] + 1 :] if line[:1].strip()] if begins else []
    return next((line for line in functions if not line.startswith(_GO_RUNTIME)), "")
