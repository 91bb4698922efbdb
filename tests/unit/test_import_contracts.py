"""The rooms cannot rot: an import against each contract is caught, also in a file that is new."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from orchestrator.paths import ROOT

PLANTED = {
    "the parent's rooms: imports go down, never up": (
        "orchestrator/scenario",
        "from orchestrator.history import records",
    ),
    "the analysis's rooms: imports go down, never up": (
        "analysis/history",
        "from analysis.report import terminal",
    ),
    "the child knows nothing of the parent or of the analysis": (
        "worker_child/adapters/pgqueuer",
        "from orchestrator import errors",
    ),
    "the analysis sees the types of a history and of a scenario, and nothing else of the parent": (
        "analysis/checks",
        "from orchestrator.history import recorder",
    ),
    "the analysis takes the wire's types and nothing else of the child": (
        "analysis/metrics",
        "from worker_child.adapters import contract",
    ),
    "whoever makes a history cannot look at its verdict: only commands see the analysis": (
        "orchestrator/run",
        "from analysis.summary import verdict",
    ),
    "Dask is an extra: one module imports it": ("orchestrator/run", "import distributed"),
}
"""By a contract's name: a room, and what a new file there imports against it."""


def contracts() -> list[str]:
    """The names of the contracts in pyproject.toml."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return [contract["name"] for contract in table["tool"]["importlinter"]["contracts"]]


def checked(tree: Path) -> str:
    """What lint-imports says of a tree."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    return " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the three packages and their contracts."""
    for name in ("orchestrator", "analysis", "worker_child"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "lang")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_has_its_planted_import() -> None:
    assert sorted(PLANTED) == sorted(contracts())


@pytest.mark.parametrize("contract", PLANTED)
def test_a_planted_import_breaks_its_contract(contract: str, tree: Path) -> None:
    assert f"{contract} KEPT" in checked(tree), "before anything is planted"
    room, statement = PLANTED[contract]
    (tree / room / "planted.py").write_text(f"{statement}\n")
    assert f"{contract} BROKEN" in checked(tree)


@pytest.mark.parametrize("package", ["orchestrator", "analysis"])
def test_a_new_room_has_to_be_given_its_place_among_the_layers(package: str, tree: Path) -> None:
    (tree / package / "attic").mkdir()
    (tree / package / "attic" / "__init__.py").write_text("")
    assert "attic" in checked(tree)
