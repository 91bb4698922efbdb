"""Whose fault it was that a worker died, by the last of what it wrote to stderr."""

from __future__ import annotations

import re

from orchestrator.paths import ROOT
from worker_child.paths import built_root

OUR_FAULT = "crashbench: "
"""With this begins the last line of a child that ends by our own fault and knows it."""

_OUR_FOLDERS = tuple(f"{ROOT / name}/" for name in ("worker_child", "orchestrator"))
_NODE_FRAME = re.compile(r"^\s+at .*?\(?(?:file://)?(/[^()]*):\d+:\d+\)?$")
_NODE_PACKAGES = "/node_modules/"
_GO_PANIC = re.compile(r"^goroutine \d+ (?:gp=\S+ )?.*\[running.*\]:$")
_GO_RUNTIME = ("panic(", "runtime.", "runtime/")
_OUR_GO_PACKAGES = ("crashbench/", "main.")


def ends_in_our_code(stderr: str) -> bool:
    """Whether the child says so, or the last frame of its traceback (Python), the first one below
    the panic (Go) or below the error (Node) lies in the instrument's own folders."""
    lines = stderr.splitlines()
    if lines and lines[-1].startswith(OUR_FAULT):
        return True
    return (
        _python_frame(lines).startswith(_OUR_FOLDERS)
        or _go_frame(lines).startswith(_OUR_GO_PACKAGES)
        or _is_our_node_file(_node_frame(lines))
    )


def _python_frame(lines: list[str]) -> str:
    frames = [line.lstrip() for line in lines if line.lstrip().startswith('File "')]
    return frames[-1].removeprefix('File "') if frames else ""


def _go_frame(lines: list[str]) -> str:
    """The function in which a Go program panicked; files stand indented under their functions."""
    begins = [place for place, line in enumerate(lines) if _GO_PANIC.match(line)]
    functions = [line for line in lines[begins[0] + 1 :] if line[:1].strip()] if begins else []
    return next((line for line in functions if not line.startswith(_GO_RUNTIME)), "")


def _node_frame(lines: list[str]) -> str:
    """The file in which the last error that a Node program has printed was thrown."""
    files = [match[1] if (match := _NODE_FRAME.match(line)) else "" for line in lines]
    begins = [at for at, file in enumerate(files) if file and not (at and files[at - 1])]
    return files[begins[-1]] if begins else ""


def _is_our_node_file(file: str) -> bool:
    """A build lays our modules out beside the packages of others."""
    return file.startswith((*_OUR_FOLDERS, f"{built_root()}/")) and _NODE_PACKAGES not in file
