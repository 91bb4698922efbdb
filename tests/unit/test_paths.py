"""Where builds go: the checkout's own folder, or the user's cache folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker_child import paths
from worker_child.files_digest import files_digest

where = paths.built_root.__wrapped__


def test_a_checkout_keeps_its_builds() -> None:
    assert paths.IS_CHECKOUT
    assert where() == paths.IMPORT_ROOT / ".adapters"


def test_elsewhere_they_go_to_the_users_cache_by_what_a_build_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "worker_child"
    package.mkdir(parents=True)
    monkeypatch.setattr(paths, "IS_CHECKOUT", False)
    monkeypatch.setattr(paths, "PACKAGE", package)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (package / "main.go").write_text("one")
    first = where()
    (package / "main.go").write_text("two")

    assert first.parent == where().parent == tmp_path / "cache" / "crashbench"
    assert first != where()


@pytest.mark.parametrize("named", [None, "", "a/relative/path"])
def test_without_a_usable_cache_folder_it_is_the_one_of_the_home_folder(
    named: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "IS_CHECKOUT", False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if named is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", named)
    assert where().parent == tmp_path / ".cache" / "crashbench"


def test_the_digest_is_of_names_and_contents_and_not_of_the_place(tmp_path: Path) -> None:
    def digest(place: str, name: str, text: str) -> str:
        folder = tmp_path / place / "package"
        (folder / "__pycache__").mkdir(parents=True)
        (folder / "__pycache__" / name).write_text(place)
        (folder / name).write_text(text)
        return files_digest([folder, tmp_path / "nowhere"])

    first = digest("one", "a.py", "x")
    assert digest("two", "a.py", "x") == first
    assert len({first, digest("three", "b.py", "x"), digest("four", "a.py", "y")}) == 3
