"""``crashbench adapter new``: a working adapter to begin with, copied from a tested one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from orchestrator.errors import NewAdapterError
from orchestrator.libraries.manifest import Language, is_library_name
from worker_child import adapters
from worker_child.adapters import LIBRARIES

SKELETONS: dict[Language, str] = {"python": "skeleton"}
"""By a worker's language: the folder that is copied, and the name that is replaced in it."""

WRITE_AN_ADAPTER = "worker_child/adapters/README.md"
"""The page that leads from here to a conforming adapter."""

_BUNDLED = Path(adapters.__file__).parent
_LEFT_OUT = frozenset({"__pycache__"})


def new_adapter(name: str, language: Language, into: Path) -> Path:
    """Write the adapter `name` into a folder of its own below `into`; returns that folder.

    Raises `NewAdapterError` for a name that is no library's or is taken, and where the folder is
    there already or cannot be written.
    """
    _check_name(name)
    skeleton = SKELETONS.get(language)
    if skeleton is None:
        raise NewAdapterError(
            f"there is no skeleton of a worker in {language} to copy; there are skeletons in "
            f"{', '.join(SKELETONS)}"
        )
    folder = into / name
    try:
        folder.mkdir(parents=True)
        for path in _files(_BUNDLED / skeleton):
            text = renamed(path.read_text(encoding="utf-8"), skeleton, name)
            target = folder / path.relative_to(_BUNDLED / skeleton)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    except FileExistsError as error:
        raise NewAdapterError(
            f"{folder} is there already: take another name, or another folder with --into"
        ) from error
    except OSError as error:
        raise NewAdapterError(
            f"{error.filename} cannot be written: {error.strerror}. Take another folder with --into"
        ) from error
    return folder


def renamed(text: str, skeleton: str, name: str) -> str:
    """`text` of the skeleton as the adapter `name` has it, names of classes included."""
    return text.replace(skeleton, name).replace(_camel(skeleton), _camel(name))


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and _LEFT_OUT.isdisjoint(path.parts):
            yield path


def _check_name(name: str) -> None:
    if not is_library_name(name):
        raise NewAdapterError(
            f"{name!r} is no name for a library: it is made of small letters, digits and _, the "
            "first of them a letter"
        )
    if name in LIBRARIES or name in SKELETONS.values():
        raise NewAdapterError(f"{name} is a name that Crashbench has taken: choose another one")
