"""``crashbench adapter new``: a working adapter to begin with, copied from a tested one."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.errors import NewAdapterError
from orchestrator.libraries.manifest import Language, is_library_name
from worker_child.adapters import LIBRARIES
from worker_child.paths import ADAPTERS, IMPORT_ROOT, IS_CHECKOUT, LANG, TEMPLATES

TEMPLATE_LANGUAGES: tuple[Language, ...] = ("python", "go", "node")
"""A worker's languages for which there is a template, each in the folder of its name."""

_PAGE = ADAPTERS / "README.md"
WRITE_AN_ADAPTER = str(_PAGE.relative_to(IMPORT_ROOT) if IS_CHECKOUT else _PAGE)
"""The page that leads from here to a conforming adapter."""

_NAME_IN_TEMPLATES = "my_queue"
"""Replaced by the new library's name, in the text of every file."""
_PARENT_SIDE = "python"
"""The template whose parent's side all languages have."""
_WORKER_IN_PYTHON = frozenset({"worker.py", "lease_queue.py"})
"""What a worker in another language has no use for."""
_NO_SOURCES = frozenset({"__pycache__", "node_modules"})
LANG_FROM_HERE = "../../lang"


def new_adapter(name: str, language: Language, into: Path) -> Path:
    """Write the adapter `name` into a folder of its own below `into`; returns that folder.

    Raises `NewAdapterError` for a name that is no library's or is taken, and where the folder is
    there already or cannot be written.
    """
    _check_name(name)
    if language not in TEMPLATE_LANGUAGES:
        raise NewAdapterError(
            f"there is no template of a worker in {language} to copy; there are templates in "
            f"{', '.join(TEMPLATE_LANGUAGES)}"
        )
    folder = into / name
    try:
        folder.mkdir(parents=True)
        for place, path in _files(language).items():
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
    """`text` of a template as the adapter `name` has it, names of classes included."""
    placeholder = _NAME_IN_TEMPLATES
    return text.replace(placeholder, name).replace(_camel(placeholder), _camel(name))


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _with_twins_from(folder: Path, text: str) -> str:
    """The twins of emitter and body stay where they are: the copy finds them from its place."""
    return text.replace(LANG_FROM_HERE, os.path.relpath(LANG, folder.resolve()))


def _files(language: Language) -> dict[Path, Path]:
    """By the place within the new folder: the file that is copied there."""
    files = _files_below(TEMPLATES / _PARENT_SIDE)
    if language == _PARENT_SIDE:
        return files
    shared = {place: path for place, path in files.items() if place.name not in _WORKER_IN_PYTHON}
    return shared | _files_below(TEMPLATES / language)


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
    if name in LIBRARIES:
        raise NewAdapterError(f"{name} is a name that Crashbench has taken: choose another one")
