"""Reads ``adapter.toml``: what a library's folder says of itself before any of it is imported."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from orchestrator.errors import ManifestError
from orchestrator.scenario.reader import Flaw, read_section

MANIFEST = "adapter.toml"

Language = Literal["python", "go", "node"]

PLACEHOLDERS = ("out", "python", "folder")
"""What a command may name: where to build to, the Python that was found, the library's folder."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PART = re.compile(r"[A-Za-z_]\w*:[A-Za-z_]\w*")
_VERSION = re.compile(r"\d+(\.\d+)*")
_PLACEHOLDER = re.compile(r"\{(\w*)\}")


class Build(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """How the library's worker is made ready, by ``crashbench adapters --build``."""

    toolchain: Language
    minimum: str
    """The oldest version of the toolchain that will do, such as ``1.26``."""
    commands: tuple[tuple[str, ...], ...]
    """Run one after the other in the library's folder, each without a shell; see `PLACEHOLDERS`."""
    may_be_refused: str | None = None
    """A Go module in go.mod that not every machine is given. Its checksums cannot stand beside the
    sources then: the commands run in a copy under `.adapters`, where go.sum may be completed. Where
    its download fails the library is left out, and that is no failure."""


class Manifest(msgspec.Struct, frozen=True):
    """One library's ``adapter.toml``."""

    name: str
    inbox: str
    """``module:class`` of the parent's side, within the folder."""
    language: Language
    build: Build | None = None
    """None = nothing: the parent's own Python runs the worker."""


def read_manifest(folder: Path) -> Manifest:
    """Read a folder's manifest. Raises `ManifestError` with everything that is wrong with it."""
    path = folder / MANIFEST
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ManifestError(str(folder), [f"there is no {MANIFEST} in it"]) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ManifestError(str(path), [str(error)]) from error
    flaws: list[Flaw] = []
    manifest = read_section(Manifest, table, flaws)
    if not flaws:
        flaws.extend(_flaws_of(manifest))
    if flaws:
        raise ManifestError(str(path), [str(flaw) for flaw in flaws])
    return manifest


def filled_in(command: tuple[str, ...], values: dict[str, str]) -> list[str]:
    """A command with its placeholders replaced."""
    return [_PLACEHOLDER.sub(lambda match: values[match[1]], word) for word in command]


def is_library_name(name: str) -> bool:
    """Whether a library may be called so; its name stands in run ids and module names."""
    return _NAME.fullmatch(name) is not None


def _flaws_of(manifest: Manifest) -> Iterator[Flaw]:
    if not is_library_name(manifest.name):
        yield Flaw("name", f" = {manifest.name!r}: small letters, digits and _ make a library name")
    if not _PART.fullmatch(manifest.inbox):
        yield Flaw("inbox", f" = {manifest.inbox!r}: write module:class, as in inbox:MyAdapter")
    if manifest.build is None:
        if manifest.language != "python":
            yield Flaw("build", f" is missing: a worker in {manifest.language} has to be built")
    else:
        yield from _build_flaws(manifest.build)


def _build_flaws(build: Build) -> Iterator[Flaw]:
    if not _VERSION.fullmatch(build.minimum):
        yield Flaw("build.minimum", f" = {build.minimum!r}: write a version, as in 1.26")
    if build.may_be_refused is not None and build.toolchain != "go":
        text = f" = {build.may_be_refused!r}: only a Go module may be, this needs {build.toolchain}"
        yield Flaw("build.may_be_refused", text)
    for number, command in enumerate(build.commands):
        if not command:
            yield Flaw(f"build.commands.{number}", " is empty")
        for word in command:
            for name in _PLACEHOLDER.findall(word):
                if name not in PLACEHOLDERS:
                    known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
                    text = f" has {{{name}}} in {word!r}; there are {known}"
                    yield Flaw(f"build.commands.{number}", text)
