"""A library is found by its name, by its entry point, or by its folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import (
    AdapterError,
    AdapterImportError,
    ManifestError,
    UnknownNameError,
)
from orchestrator.libraries.library import find_library, known_libraries
from orchestrator.libraries.manifest import MANIFEST
from orchestrator.run.request import make_request
from orchestrator.scenario.load import load_scenario
from worker_child.adapters import LIBRARIES
from worker_child.adapters.package import import_part

TEXT = 'name = "mine"\ninbox = "inbox:MyAdapter"\nlanguage = "python"\n'
INBOX = """\
from worker_child.templates.python.inbox import MyQueueAdapter

from .presets import PRESETS


class MyAdapter(MyQueueAdapter):
    presets = PRESETS
"""


@pytest.fixture(autouse=True)
def forget_what_was_imported() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(folder: Path, text: str = TEXT) -> Path:
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_text(text)
    (folder / "inbox.py").write_text(INBOX)
    (folder / "presets.py").write_text('PRESETS = ("stock",)\n')
    return folder


def install(site: Path, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pip would: a package with an entry point, in a folder of the path."""
    about = site / "its_queue-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: its-queue\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[crashbench.adapters]\nits_queue = {package}\n")
    monkeypatch.syspath_prepend(str(site))


def test_every_bundled_library_is_found_and_called_as_in_the_table() -> None:
    for name in LIBRARIES:
        library = find_library(name)
        assert (library.name, library.given) == (name, name)
        assert library.load().name == name


def test_a_manifest_of_a_bundled_library_says_the_same_as_the_table() -> None:
    told = {
        library.name: (library.manifest.name, library.manifest.inbox)
        for library in known_libraries()
        if library.manifest and library.package is None
    }
    assert told
    for name, (called, inbox) in told.items():
        assert (called, f"worker_child.adapters.{name}.{inbox}") == (name, LIBRARIES[name])


def test_a_folder_outside_is_loaded_with_its_relative_imports(tmp_path: Path) -> None:
    library = find_library(str(write(tmp_path / "my-queue")))
    assert library.name == "mine"
    assert library.load().presets == ("stock",)


def test_a_bundled_librarys_folder_is_that_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(find_library("pgqueuer").folder.parent)
    assert find_library("./pgqueuer").given == "pgqueuer"


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError):
        find_library(str(tmp_path))


def test_a_folder_may_not_take_a_bundled_name(tmp_path: Path) -> None:
    folder = write(tmp_path / "mine", TEXT.replace("mine", "pgqueuer"))
    with pytest.raises(UnknownNameError, match="calls itself pgqueuer, as a bundled library does"):
        find_library(str(folder))


def test_an_inbox_that_is_not_there_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "mine", TEXT.replace("MyAdapter", "Other"))
    with pytest.raises(AdapterImportError, match="its adapter is inbox:Other, which cannot be had"):
        find_library(str(folder)).load()


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("inbox.py", "\nclass MyAdapter\n", r"inbox\.py:2: SyntaxError: expected ':'"),
        ("inbox.py", "LIMIT = {}['limit']\n", r"inbox\.py:1: KeyError: 'limit'"),
        ("inbox.py", "import json\n\njson.loads('')\n", r"inbox\.py:3: JSONDecodeError: "),
        ("inbox.py", "import no_such_queue\n", r"inbox\.py:1: ModuleNotFoundError: "),
        ("presets.py", "PRESETS = (\n", r"presets\.py:1: SyntaxError: '\(' was never closed"),
        ("inbox.py", "class MyAdapter:\n    def __init__(self, dsn): ...\n", r"had: TypeError: "),
    ],
)
def test_an_adapter_that_fails_at_its_import_is_told_with_file_line_and_error(
    tmp_path: Path, file: str, text: str, says: str
) -> None:
    folder = write(tmp_path / "mine")
    (folder / file).write_text(text)
    with pytest.raises(AdapterImportError, match=says) as refusal:
        find_library(str(folder)).load()
    assert "inbox:MyAdapter, which cannot be had: " in str(refusal.value)


def test_an_adapter_that_lacks_members_of_the_contract_is_told_all_of_them(tmp_path: Path) -> None:
    folder = write(tmp_path / "mine")
    (folder / "inbox.py").write_text("class MyAdapter:\n    name = 'mine'\n    presets = ()\n")
    lacking = "version, preset, install, enqueuer, counts, rows, child_argv"
    with pytest.raises(AdapterImportError, match=f"inbox:MyAdapter, which lacks {lacking}: "):
        find_library(str(folder)).load()


def test_a_preset_that_fails_to_resolve_is_told_with_the_adapters_own_line(tmp_path: Path) -> None:
    folder = write(tmp_path / "mine")
    lines = INBOX + "\n    def preset(self, name, workers):\n        return {}[name]\n"
    (folder / "inbox.py").write_text(lines)
    number = len(lines.splitlines())
    with pytest.raises(
        AdapterError, match=rf"preset\('stock', Workers\(.*/inbox\.py:{number}: KeyError: 'stock'"
    ) as refusal:
        make_request(
            load_scenario("crash_recovery_short"),
            library=str(folder),
            preset="stock",
            ordinal=1,
            dsn=None,
            results=tmp_path,
            overwrite=False,
        )
    assert refusal.value.exit_code == 2


def test_two_folders_of_one_name_are_not_mixed_up(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a" / "queue"), write(tmp_path / "b" / "queue")
    import_part(str(first), "inbox")
    with pytest.raises(ImportError, match="are adapters of the same folder name"):
        import_part(str(second), "inbox")


def test_an_installed_adapter_is_found_by_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "its_package")
    install(tmp_path, "its_package", monkeypatch)
    library = find_library("its_queue")
    assert library.load().presets == ("stock",)
    assert library in known_libraries()


def test_an_entry_point_that_leads_nowhere_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "gone", monkeypatch)
    with pytest.raises(AdapterImportError, match="says gone, which is no package"):
        find_library("its_queue")


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r'mean "pgqueuer"\? There are ') as refusal:
        find_library("pgqueur")
    assert "--library ./pgqueur" in str(refusal.value)


def test_a_name_like_no_other_is_answered_with_what_there_is() -> None:
    with pytest.raises(UnknownNameError, match="'zzz'; there are control_") as refusal:
        find_library("zzz")
    assert "did you mean" not in str(refusal.value)
