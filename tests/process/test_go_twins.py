"""Go's own checks of the Go modules: format, vet, tests, the golden lines among them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orchestrator.libraries.build import copied_folder
from orchestrator.libraries.library import find_library
from tests.toolchain import need_built, need_program
from worker_child.adapters import LIBRARIES
from worker_child.paths import built_root

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (ROOT / "worker_child", ROOT / "tests")
MODULES = sorted(path.parent for folder in FOLDERS for path in folder.rglob("go.mod"))
REMEDY = "install Go 1.26 or newer from https://go.dev/dl"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def run(module: Path, *argv: str) -> str:
    """What a command says in a module's folder; it must succeed."""
    done = subprocess.run(
        argv,
        cwd=module,
        env={**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(argv)} in {module}:\n{done.stdout}{done.stderr}"
    return done.stdout


def of(module: Path) -> str:
    return str(module.relative_to(ROOT))


def checked_in(module: Path) -> Path:
    """Where a module is vetted: in its build's copy where another may be refused, for only there
    go.sum is complete; not at all where that was refused, or the worker was built by hand."""
    library = find_library(module.name) if module.name in LIBRARIES else None
    if library is None or library.build is None or library.build.may_be_refused is None:
        return module
    need_built(library.name)
    folder = copied_folder(library, built_root() / library.name)
    if not folder.exists():
        pytest.skip(f"{library.name} was built by hand: vetted is what `make adapters` builds")
    return folder


def test_there_are_go_modules() -> None:
    assert ROOT / "worker_child/lang/go" in MODULES


@pytest.mark.parametrize("module", MODULES, ids=of)
def test_every_file_is_formatted_as_gofmt_does(module: Path) -> None:
    assert run(module, need_program("gofmt", REMEDY), "-l", ".") == ""


@pytest.mark.parametrize("module", MODULES, ids=of)
def test_vet_finds_nothing_and_the_modules_own_tests_pass(module: Path) -> None:
    go = need_program("go", REMEDY)
    folder = checked_in(module)
    run(folder, go, "vet", "./...")
    run(folder, go, "test", "./...")
