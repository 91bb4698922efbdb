"""``crashbench adapter new``: a working adapter to begin with, copied from a tested one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import NewAdapterError
from orchestrator.libraries.manifest import Language, is_library_name
from worker_child.adapters import LIBRARIES
from worker_child.paths import ADAPTERS, LANG

SKELETON = "skeleton"
"""The adapter that is copied, and the name that is replaced in the copy."""


@dataclass(frozen=True)
class Differences:
    """How a language's copy differs from the skeleton, whose worker is in Python."""

    folder: str
    """What is laid over the skeleton."""
    left_out: frozenset[str] = frozenset({"worker.py", "lease_queue.py"})
    """What the other language has no use for."""


SKELETONS: dict[Language, Differences | None] = {
    "python": None,
    "go": Differences("skeleton_go"),
    "node": Differences("skeleton_node"),
}
"""By a worker's language."""

WRITE_AN_ADAPTER = "worker_child/adapters/README.md"
"""The page that leads from here to a conforming adapter."""

_NO_SOURCES = frozenset({"__pycache__", "node_modules"})
LANG_FROM_HERE = "../../lang"


def new_adapter(name: str, language: Language, into: Path) -> Path:
    """Write the adapter `name` into a folder of its own below `into`; returns that folder.

    Raises `NewAdapterError` for a name that is no library's or is taken, and where the folder is
    there already or cannot be written.
    """
    _check_name(name)
    if language not in SKELETONS:
        raise NewAdapterError(
            f"there is no skeleton of a worker in {language} to copy; there are skeletons in "
            f"{', '.join(SKELETONS)}"
        )
    folder = into / name
    try:
        folder.mkdir(parents=True)
        for place, path in _files(SKELETONS[language]).items():
            text = renamed(path.read_text(encoding="utf-8"), name)
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).write_text(_with_twins_from(folder, text), encoding="utf-8")
    except FileExistsError as error:
        raise NewAdapterError(
            f"{folder} is there already: take another name, or another folder with --into"
        ) from error
    except OSError as error:
        raise NewAdapterError(
            f"{error.filename} cannot be written: {error.strerror}. Take another folder with --into"
        ) from error
    return folder


def renamed(text: str, name: str) -> str:
    """`text` of the skeleton as the adapter `name` has it, names of classes included."""
    return text.replace(SKELETON, name).replace(_camel(SKELETON), _camel(name))


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _with_twins_from(folder: Path, text: str) -> str:
    """The twins of emitter and body stay where they are: the copy finds them from its place."""
    return text.replace(LANG_FROM_HERE, os.path.relpath(LANG, folder.resolve()))


def _files(differences: Differences | None) -> dict[Path, Path]:
    """By the place within the new folder: the file that is copied there."""
    files = _files_below(ADAPTERS / SKELETON)
    if differences is None:
        return files
    shared = {
        place: path for place, path in files.items() if place.name not in differences.left_out
    }
    return shared | _files_below(ADAPTERS / differences.folder)


def _files_below(folder: Path) -> dict[Path, Path]:
    return {
        path.relative_to(folder): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and _NO_SOURCES.isdisjoint(path.parts)
    }


def _check_name(name: str) -> None:
    if not is_library_name(name):
        raise NewAdapterError(
            f"{name!r} is no name for a library: it is made of small letters, digits and _, the "
            "first of them a letter"
        )
    if name in LIBRARIES or name.startswith(SKELETON):
        raise NewAdapterError(f"{name} is a name that Crashbench has taken: choose another one")
