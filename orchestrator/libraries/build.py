"""Builds what a library's worker is started from, and tells whether that has been done.

A build goes to a folder of the library's name below `built_root`. A stamp beside it holds a digest
of all that the build has read, written last: a build that was cut short, or whose sources have
changed since, is none.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from orchestrator.errors import BuildFolderError, LibraryNotBuiltError
from orchestrator.libraries.library import Library
from orchestrator.libraries.manifest import Build, filled_in
from orchestrator.libraries.toolchain import TOOLCHAINS, Missing, find_toolchain
from worker_child.paths import CACHE_VARIABLE, IS_CHECKOUT, LANG, built_root

_STAMP = ".built"
_COMMAND_LIMIT_S = 900.0
_TAIL_LINES = 12


class Standing(Enum):
    """How a library's build stands."""

    NEEDLESS = "nothing to build"
    BUILT = "built"
    OUT_OF_DATE = "out of date"
    NOT_BUILT = "not built"


class Result(Enum):
    """What an attempt to build came to."""

    STANDS = "stands"
    BUILT = "built"
    TOOLCHAIN_MISSING = "toolchain missing"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """What became of one library's build; `text` is for a person, and may be empty."""

    library: Library
    result: Result
    text: str = ""


def standing_of(library: Library, root: Path | None = None) -> Standing:
    """Whether what `library` needs has been built from what is there now."""
    build = library.build
    if build is None:
        return Standing.NEEDLESS
    try:
        stamp = ((root or built_root()) / library.name / _STAMP).read_text()
    except OSError:
        return Standing.NOT_BUILT  # a stamp that cannot be read vouches for nothing
    return Standing.BUILT if stamp == _digest(library, build) else Standing.OUT_OF_DATE


def require_built(library: Library) -> None:
    """Raises `LibraryNotBuiltError` where a run would start an old worker, or none."""
    standing = standing_of(library)
    if standing in (Standing.NOT_BUILT, Standing.OUT_OF_DATE):
        raise LibraryNotBuiltError(
            f"the worker of {library.name} is {standing.value}. Run "
            f"`crashbench adapters --build {library.given}`; nothing was started"
        )


def build_library(
    library: Library, say: Callable[[str], None], root: Path | None = None
) -> Outcome:
    """Build what is not built or out of date; `say` hears what takes a while.

    `root` None = `built_root()`. A build that fails leaves nothing behind. Raises
    `BuildFolderError`.
    """
    build = library.build
    if build is None or standing_of(library, root) is Standing.BUILT:
        return Outcome(library, Result.STANDS)
    toolchain = find_toolchain(build)
    if isinstance(toolchain, Missing):
        return Outcome(library, Result.TOOLCHAIN_MISSING, toolchain.remedy)
    title = TOOLCHAINS[build.toolchain].title
    out = _emptied((root or built_root()) / library.name)
    say(f"{library.name}: building with {title} {toolchain.version}")
    is_python = build.toolchain == "python"
    values = {
        "out": str(out),
        "python": toolchain.program if is_python else sys.executable,
        "folder": str(library.folder),
    }
    digest = _digest(library, build)
    complaint: str | None = "it was interrupted"
    try:
        complaint = _run_all(library, build, values)
    finally:
        if complaint is not None:
            shutil.rmtree(out)
    if complaint is not None:
        return Outcome(library, Result.FAILED, complaint)
    (out / _STAMP).write_text(digest)
    return Outcome(library, Result.BUILT)


def _emptied(folder: Path) -> Path:
    """The folder, made anew."""
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
    except OSError as error:
        elsewhere = "" if IS_CHECKOUT else f", or name another cache folder in {CACHE_VARIABLE}"
        raise BuildFolderError(
            f"{folder}, where a worker is to be built, cannot be made anew: {error.filename}: "
            f"{error.strerror}. Make that writable{elsewhere}"
        ) from error
    return folder


def _run_all(library: Library, build: Build, values: dict[str, str]) -> str | None:
    """Run the commands until one fails; what it said then, else None."""
    environment = {**os.environ, **TOOLCHAINS[build.toolchain].environment}
    for command in build.commands:
        argv = filled_in(command, values)
        try:
            done = subprocess.run(
                argv,
                cwd=library.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_COMMAND_LIMIT_S,
            )
        except subprocess.TimeoutExpired:
            return f"`{' '.join(argv)}` did not end within {_COMMAND_LIMIT_S:g} s"
        except OSError as error:
            return f"`{' '.join(argv)}` cannot be run: {error}"
        if done.returncode != 0:
            said = done.stdout.decode(errors="replace").splitlines()[-_TAIL_LINES:]
            return "\n".join([f"`{' '.join(argv)}` ended with {done.returncode}:", *said])
    return None


def _digest(library: Library, build: Build) -> str:
    """Of everything that the build reads: its commands, its sources, the language's twins."""
    digest = hashlib.sha256(repr(build).encode())
    for folder in (library.folder, LANG / build.toolchain):
        for path in _sources(folder, TOOLCHAINS[build.toolchain].sources):
            digest.update(f"\n{path.relative_to(folder)}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _sources(folder: Path, patterns: tuple[str, ...]) -> Iterator[Path]:
    found = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    yield from sorted(path for path in found if "node_modules" not in path.parts)
