"""Builds what a library's worker is started from, and tells whether that has been done.

A build goes to a folder of the library's name below `built_root`. A stamp beside it holds a digest
of all that the build has read, written last: a build that was cut short, or whose sources have
changed since, is none. Where a module was refused that may be, that is noted with such a digest
instead, and asked anew the next time.
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
from orchestrator.libraries.refusal import refusal_of
from orchestrator.libraries.toolchain import TOOLCHAINS, Found, Missing, find_toolchain
from worker_child.paths import CACHE_VARIABLE, IS_CHECKOUT, LANG, built_root

_STAMP = ".built"
_REFUSED = ".refused"
_COPY = "src"
_COMMAND_LIMIT_S = 900.0
_TAIL_LINES = 12


class Standing(Enum):
    """How a library's build stands."""

    NEEDLESS = "nothing to build"
    BUILT = "built"
    OUT_OF_DATE = "out of date"
    NOT_BUILT = "not built"
    REFUSED = "refused"


class Result(Enum):
    """What an attempt to build came to."""

    STANDS = "stands"
    BUILT = "built"
    TOOLCHAIN_MISSING = "toolchain missing"
    REFUSED = "refused"
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
    digest = _digest(library, build)
    out = (root or built_root()) / library.name
    if _read(out / _REFUSED).startswith(digest):
        return Standing.REFUSED
    stamp = _read(out / _STAMP)
    if not stamp:
        return Standing.NOT_BUILT
    return Standing.BUILT if stamp == digest else Standing.OUT_OF_DATE


def refusal(library: Library, root: Path | None = None) -> str:
    """What the last attempt to build a refused library said, in one sentence on what to do."""
    _, _, reason = _read((root or built_root()) / library.name / _REFUSED).partition("\n")
    return (
        f"{library.name} cannot be built here, as {reason}: run `crashbench adapters --build` "
        "where Go is given that module"
    )


def copied_folder(library: Library, out: Path) -> Path:
    """Where within `out` the folder of a library is copied to that is not built beside its sources:
    go.mod may say by a relative path where the twins are."""
    return out / _COPY / library.folder.relative_to(os.path.commonpath([library.folder, LANG]))


def require_built(library: Library, root: Path | None = None) -> None:
    """Raises `LibraryNotBuiltError` where a run would start an old worker, or none."""
    standing = standing_of(library, root)
    if standing is Standing.REFUSED:
        raise LibraryNotBuiltError(f"{refusal(library, root)}; nothing was started")
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
    digest = _digest(library, build)
    outcome: Outcome | None = None
    try:
        outcome = _build(library, build, toolchain, out)
    finally:
        if outcome is None or outcome.result is Result.FAILED:
            shutil.rmtree(out)
    if outcome.result is Result.BUILT:
        (out / _STAMP).write_text(digest)
    elif outcome.result is Result.REFUSED:
        (out / _REFUSED).write_text(f"{digest}\n{outcome.text}")
        return Outcome(library, Result.REFUSED, refusal(library, root))
    return outcome


def _build(library: Library, build: Build, toolchain: Found, out: Path) -> Outcome:
    """Build into `out`; of what was refused, `text` is the reason."""
    environment = {**os.environ, **TOOLCHAINS[build.toolchain].environment}
    folder = library.folder
    if build.may_be_refused is not None:
        folder = _copied(library, build, out)
        refused = refusal_of(build.may_be_refused, folder, toolchain.program, environment)
        if refused is not None:
            shutil.rmtree(out / _COPY)
            return Outcome(library, Result.REFUSED, refused)
    is_python = build.toolchain == "python"
    values = {
        "out": str(out),
        "python": toolchain.program if is_python else sys.executable,
        "folder": str(library.folder),
    }
    complaint = _run_all(build, values, folder, environment)
    if complaint is not None:
        return Outcome(library, Result.FAILED, complaint)
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


def _read(path: Path) -> str:
    """A stamp's text; none that can be read = empty: it vouches for nothing."""
    try:
        return path.read_text()
    except OSError:
        return ""


def _copied(library: Library, build: Build, out: Path) -> Path:
    """Copy all that the build reads, laid out as it is; the library's folder in that copy."""
    copy = copied_folder(library, out)
    for folder in (library.folder, LANG / build.toolchain):
        for path in _sources(folder, TOOLCHAINS[build.toolchain].sources):
            target = Path(os.path.normpath(copy / os.path.relpath(path, library.folder)))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    return copy


def _run_all(
    build: Build, values: dict[str, str], folder: Path, environment: dict[str, str]
) -> str | None:
    """Run the commands until one fails; what it said then, else None."""
    for command in build.commands:
        argv = filled_in(command, values)
        try:
            done = subprocess.run(
                argv,
                cwd=folder,
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
