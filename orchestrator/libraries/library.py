"""Finds a library by what the user wrote: a bundled or an installed name, or a folder's path."""

from __future__ import annotations

import hashlib
import os
import traceback
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from orchestrator.errors import AdapterImportError, UnknownNameError
from orchestrator.libraries.manifest import MANIFEST, Build, Manifest, read_manifest
from orchestrator.scenario.reader import nearest_and_all
from worker_child.adapters import LIBRARIES, load_adapter
from worker_child.adapters.contract import Adapter
from worker_child.adapters.package import import_part
from worker_child.paths import ADAPTERS, IMPORT_ROOT

ENTRY_POINTS = "crashbench.adapters"
"""The group in which an installed package names itself: ``library = "its_package"``."""

CONTRACT = tuple(name for name in vars(Adapter) if not name.startswith("_"))
"""What every adapter has, by the names of its members."""


@dataclass(frozen=True)
class Library:
    """A library under test, found and not yet imported."""

    name: str
    given: str
    """What finds it again on another command line."""
    folder: Path
    manifest: Manifest | None
    """None for a bundled library that needs nothing built."""
    package: str | None
    """Where an outside adapter is imported from, a package's name or a folder's path; None =
    bundled."""

    @property
    def language(self) -> str:
        """The language of its worker."""
        return self.manifest.language if self.manifest else "python"

    @property
    def build(self) -> Build | None:
        """How its worker is made; None = there is nothing to make."""
        return self.manifest.build if self.manifest else None

    @property
    def inbox(self) -> str:
        """What a process of its own finds its parent's side by: see `worker_child.enqueuer`."""
        if self.package is None:
            return LIBRARIES[self.name]
        assert self.manifest is not None
        return f"{self.package}:{self.manifest.inbox}"

    def sha256(self) -> str | None:
        """Of all files of an outside adapter; None = a bundled one, which is part of the code.

        Raises OSError.
        """
        if self.package is None:
            return None
        digest = hashlib.sha256()
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"\n{path.relative_to(self.folder)}\n".encode())
                digest.update(path.read_bytes())
        return digest.hexdigest()

    def load(self) -> Adapter:
        """Import its parent's side.

        Raises `AdapterImportError` where an outside one has none, cannot be imported or lacks
        members of the contract.
        """
        if self.package is None:
            return load_adapter(self.name)
        assert self.manifest is not None
        module, _, attribute = self.manifest.inbox.partition(":")
        try:
            adapter = getattr(import_part(self.package, module), attribute)()
            missing = [member for member in CONTRACT if not hasattr(adapter, member)]
        except Exception as error:
            raise AdapterImportError(
                f"{self.folder / MANIFEST} says that its adapter is {self.manifest.inbox}, which "
                f"cannot be had: {format_with_origin(error, self.folder)}"
            ) from error
        if missing:
            raise AdapterImportError(
                f"{self.folder / MANIFEST} says that its adapter is {self.manifest.inbox}, which "
                f"lacks {', '.join(missing)}: worker_child/adapters/contract.py says what they do"
            )
        return cast("Adapter", adapter)


def find_library(words: str) -> Library:
    """The library that `words` name; a folder's path has a slash in it.

    Raises `UnknownNameError` with the names there are, and `ManifestError`.
    """
    if "/" in words:
        return _in_folder(words)
    if words in LIBRARIES:
        return _bundled(words)
    installed = entry_points(group=ENTRY_POINTS)
    for entry in installed:
        if entry.name == words:
            return _installed(entry.name, entry.value)
    names = sorted({*LIBRARIES, *(entry.name for entry in installed)})
    raise UnknownNameError(
        f"there is no library {words!r}; {nearest_and_all(words, names)}. "
        f"An adapter kept elsewhere is given by its folder: --library ./{words}"
    )


def known_libraries() -> list[Library]:
    """Every bundled library in the table's order, then every installed one by name."""
    installed = sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name)
    return [
        *(_bundled(name) for name in LIBRARIES),
        *(_installed(entry.name, entry.value) for entry in installed),
    ]


def _bundled(name: str) -> Library:
    package = LIBRARIES[name].partition(":")[0].rpartition(".")[0]
    folder = IMPORT_ROOT.joinpath(*package.split("."))
    manifest = read_manifest(folder) if (folder / MANIFEST).exists() else None
    return Library(name, name, folder, manifest, package=None)


def _installed(name: str, package: str) -> Library:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise AdapterImportError(
            f"the entry point {name} of the group {ENTRY_POINTS} says {package}, which is no "
            f"package that can be imported: it has to name the one that holds {MANIFEST}"
        )
    folder = Path(spec.submodule_search_locations[0])
    return Library(name, name, folder, read_manifest(folder), package)


def _in_folder(words: str) -> Library:
    folder = Path(words).resolve()
    if folder.parent == ADAPTERS and folder.name in LIBRARIES:
        return _bundled(folder.name)
    manifest = read_manifest(folder)
    if manifest.name in LIBRARIES:
        raise UnknownNameError(
            f"{words} calls itself {manifest.name}, as a bundled library does, and their results "
            f"would be mixed: change the name in its {MANIFEST}"
        )
    return Library(manifest.name, os.fspath(folder), folder, manifest, os.fspath(folder))


def format_with_origin(error: Exception, folder: Path) -> str:
    """``file:line: type: text`` of an error; without file and line where none is in `folder`.

    The line is that of the last frame within `folder`: what an adapter called may well fail
    elsewhere, and was called from there.
    """
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    origin = _origin(error, folder.resolve())
    return f"{f'{origin}: ' if origin else ''}{type(error).__name__}: {text}"


def _origin(error: Exception, folder: Path) -> str | None:
    lines = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        lines.append((error.filename, error.lineno))
    within = [line for line in lines if Path(line[0]).resolve().is_relative_to(folder)]
    return "{}:{}".format(*within[-1]) if within else None
