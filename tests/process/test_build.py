"""Building what a worker is started from: once, anew when a source changed, never by halves."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest
from rich.console import Console

from orchestrator.commands import adapters
from orchestrator.errors import BuildFolderError, LibraryNotBuiltError
from orchestrator.libraries.build import (
    Outcome,
    Result,
    Standing,
    build_library,
    copied_folder,
    refusal,
    require_built,
    standing_of,
)
from orchestrator.libraries.library import Library
from orchestrator.libraries.manifest import Build, Language, Manifest
from orchestrator.libraries.toolchain import Found, Missing, find_toolchain
from worker_child.paths import LANG

COPY = ("{python}", "-c", "import sys, shutil; shutil.copy(*sys.argv[1:])", "requirements.lock")
FAIL = ("{python}", "-c", "print('no such module'); raise SystemExit(3)")


def library(folder: Path, *commands: tuple[str, ...], minimum: str = "3.11") -> Library:
    folder.mkdir(exist_ok=True)
    (folder / "requirements.lock").write_text("one==1.0\n")
    build = Build("python", minimum, commands)
    return Library("mine", "mine", folder, Manifest("mine", "inbox:Mine", "python", build), None)


def built(given: Library, root: Path) -> Outcome:
    return build_library(given, lambda _: None, root)


def test_a_build_is_made_once_and_anew_when_a_source_changed(tmp_path: Path) -> None:
    given, root = library(tmp_path / "mine", (*COPY, "{out}/worker")), tmp_path / "out"
    assert standing_of(given, root) is Standing.NOT_BUILT
    assert built(given, root).result is Result.BUILT
    assert standing_of(given, root) is Standing.BUILT
    assert built(given, root).result is Result.STANDS

    (given.folder / "requirements.lock").write_text("one==1.1\n")

    assert standing_of(given, root) is Standing.OUT_OF_DATE
    assert built(given, root).result is Result.BUILT
    assert (root / "mine" / "worker").read_text() == "one==1.1\n"


def test_a_failed_build_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    given = library(tmp_path / "mine", (*COPY, "{out}/worker"), FAIL)
    outcome = built(given, tmp_path / "out")
    assert outcome.result is Result.FAILED
    assert "ended with 3:\nno such module" in outcome.text
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named_with_what_to_do(tmp_path: Path) -> None:
    root = tmp_path / "out"
    root.write_text("no folder, so that not even root can make one in it")
    with pytest.raises(BuildFolderError, match=r"out/mine, where .* cannot be made .*Make that"):
        built(library(tmp_path / "mine", FAIL), root)


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    outcome = built(library(tmp_path / "mine", ("no-such-program",)), tmp_path / "out")
    assert outcome.result is Result.FAILED
    assert "`no-such-program` cannot be run: " in outcome.text


def test_a_run_refuses_a_library_that_is_not_built(tmp_path: Path) -> None:
    given = library(tmp_path / "mine", FAIL)
    with pytest.raises(LibraryNotBuiltError, match=r"mine is not built\. Run `crashbench adapters"):
        require_built(given)


def shim(folder: Path, name: str, says: str, code: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize(
    ("toolchain", "program", "says"),
    [
        ("go", "go", "go version go1.26.3 linux/amd64"),
        ("node", "node", "v20.20.2"),
        ("python", "python3.14", "Python 3.14.0"),
    ],
)
def test_a_toolchain_says_its_version(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    toolchain: Language,
    program: str,
    says: str,
) -> None:
    shim(tmp_path / "bin", program, says)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    minimum = "3.14" if toolchain == "python" else "1.0"
    found = find_toolchain(Build(toolchain, minimum, ()))
    assert isinstance(found, Found)
    assert found.version in says


def test_a_toolchain_that_is_too_old_or_not_there_is_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    nothing = find_toolchain(Build("go", "1.26", ()))
    shim(tmp_path / "bin", "go", "go version go1.19.8 linux/amd64")
    too_old = find_toolchain(Build("go", "1.26", ()))
    assert isinstance(nothing, Missing) and isinstance(too_old, Missing)
    assert nothing.remedy.startswith("there is no go in PATH: install Go 1.26 or newer ")
    assert "go is 1.19.8: install Go 1.26 or newer " in too_old.remedy


def test_a_shim_without_a_program_behind_it_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim(tmp_path / "bin", "python3.14", "python3.14: command not found, 99.9", code=127)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    found = find_toolchain(Build("python", "3.11", ()))
    assert isinstance(found, Found)
    assert found.program == sys.executable


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_a_missing_toolchain_is_a_failure_in_ci_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ci: str, code: int
) -> None:
    monkeypatch.setenv("CI", ci)
    given = library(tmp_path / "mine", (*COPY, "{out}/worker"), minimum="99")
    monkeypatch.setattr(adapters, "known_libraries", lambda: [given])
    with (tmp_path / "said").open("w") as said:
        console = Console(file=said, width=200)
        assert adapters.run_adapters([], console, build=True, root=tmp_path / "out") == code
    text = (tmp_path / "said").read_text()
    assert "mine: left out, " in text
    assert "install Python 99 or newer" in text


def test_a_failed_build_is_a_failure_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    given = library(tmp_path / "mine", FAIL)
    monkeypatch.setattr(adapters, "known_libraries", lambda: [given])
    with (tmp_path / "said").open("w") as said:
        console = Console(file=said, width=200)
        assert adapters.run_adapters([], console, build=True, root=tmp_path / "out") == 1
    assert "mine: the build failed, " in (tmp_path / "said").read_text()


MODULE = "example.com/queue/v2"
GO = """#!/bin/sh
case "$*" in
  version) echo 'go version go1.26.3 linux/amd64' ;;
  'mod edit -json')
    echo '{{"Require": [{{"Path": "example.com/queue/v2", "Version": "v2.1.0"}}]}}' ;;
  'mod download -json example.com/queue/v2@v2.1.0') echo '{download}'; exit {code} ;;
  'mod download all') echo 'sum' > go.sum ;;
  build) {build} ;;
  *) echo "nobody expected: $*"; exit 9 ;;
esac
"""
HAD = '{"Path": "example.com/queue/v2"}'


def of_a_module(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    download: str = HAD,
    build: str = "echo worker > ../../../worker",
) -> Library:
    """A library whose Go module may be refused, with a Go that says `download` to that."""
    (tmp_path / "bin").mkdir()
    go = tmp_path / "bin" / "go"
    go.write_text(GO.format(download=download, code=int("Error" in download), build=build))
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    folder = tmp_path / "mine"
    (folder / "store").mkdir(parents=True)
    for name in ("go.mod", "main.go", "store/go.mod", "store/schema.sql"):
        (folder / name).write_text(name)
    commands = (("go", "mod", "download", "all"), ("go", "build"))
    needs = Build("go", "1.26", commands, may_be_refused=MODULE)
    return Library("mine", "mine", folder, Manifest("mine", "inbox:Mine", "go", needs), None)


REFUSED = '{"Path": "example.com/queue/v2", "Error": "example.com/queue/v2@v2.1.0: 403 Forbidden"}'


@pytest.mark.parametrize("ci", ["", "true"])
def test_a_refused_module_is_told_in_one_line_and_is_no_failure_in_ci_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ci: str
) -> None:
    monkeypatch.setenv("CI", ci)
    given = of_a_module(tmp_path, monkeypatch, download=REFUSED)
    monkeypatch.setattr(adapters, "known_libraries", lambda: [given])
    with (tmp_path / "said").open("w") as said:
        console = Console(file=said, width=200)
        assert adapters.run_adapters([], console, build=True, root=tmp_path / "out") == 0
    told = [line for line in (tmp_path / "said").read_text().splitlines() if "403" in line]
    assert told == [f"left out: {refusal(given, tmp_path / 'out')}"]
    assert told[0].startswith(
        "left out: mine cannot be built here, as example.com/queue/v2@v2.1.0 cannot be downloaded "
        "(403 Forbidden): "
    )


def test_a_run_of_a_refused_library_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = of_a_module(tmp_path, monkeypatch, download=REFUSED)
    root = tmp_path / "out"
    assert built(given, root).result is Result.REFUSED
    with pytest.raises(LibraryNotBuiltError, match=r"where Go is given that"):
        require_built(given, root)


def test_a_refusal_is_asked_about_anew_and_is_forgotten_with_the_sources_it_was_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, root = of_a_module(tmp_path, monkeypatch, download=REFUSED), tmp_path / "out"
    assert built(given, root).result is Result.REFUSED
    assert standing_of(given, root) is Standing.REFUSED
    go = tmp_path / "bin" / "go"
    go.write_text(GO.format(download=HAD, code=0, build="echo worker > ../../../worker"))
    assert built(given, root).result is Result.BUILT
    assert standing_of(given, root) is Standing.BUILT

    (given.folder / "store" / "schema.sql").write_text("another")

    assert standing_of(given, root) is Standing.OUT_OF_DATE


@pytest.mark.parametrize(
    ("download", "build"),
    [
        (HAD, "echo './main.go:3: undefined: queue'; exit 1"),
        (REFUSED.replace("403 Forbidden", "verifying module: checksum mismatch"), "exit 1"),
    ],
)
def test_nothing_else_that_goes_wrong_passes_for_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, download: str, build: str
) -> None:
    given = of_a_module(tmp_path, monkeypatch, download=download, build=build)
    assert built(given, tmp_path / "out").result is Result.FAILED
    assert standing_of(given, tmp_path / "out") is Standing.NOT_BUILT


def test_checksums_are_completed_in_a_copy_and_nothing_is_written_beside_the_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, root = of_a_module(tmp_path, monkeypatch), tmp_path / "out"
    before = sorted(given.folder.rglob("*"))
    outcome = built(given, root)
    assert outcome.result is Result.BUILT, outcome.text
    assert sorted(given.folder.rglob("*")) == before
    copy = copied_folder(given, root / "mine")
    assert (copy / "go.sum").read_text() == "sum\n"
    assert (copy / "store" / "go.mod").read_text() == "store/go.mod"
    twins = copy / os.path.relpath(LANG / "go", given.folder)
    assert (twins / "child" / "main.go").read_bytes() == (LANG / "go/child/main.go").read_bytes()
