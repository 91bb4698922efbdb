"""Our processes find our packages and nobody else's; a library's own Python finds one of ours."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.paths import OUR_PACKAGES
from tests.trap import RAISED, set_trap
from worker_child.adapters.program import interpreter
from worker_child.paths import OUR_PYTHON

LIMIT_S = 60.0
LOOK = """
import importlib.util, json, sys
names = ("worker_child.emitter", "worker_child.adapters", "orchestrator", "analysis", "msgspec")
found = [name for name in (*names, "decoy") if importlib.util.find_spec(name) is not None]
print(json.dumps({"found": found, "words": sys.argv[1:], "name": __name__}))
"""


def run(argv: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run(
        argv, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT_S
    )


def test_the_trap_would_catch_who_looks_where_the_user_stands(tmp_path: Path) -> None:
    done = run([sys.executable, "-m", "analysis", "--help"], set_trap(tmp_path))
    assert f"analysis {RAISED}" in done.stderr


@pytest.mark.parametrize("module", ["orchestrator", "analysis"])
def test_our_own_processes_do_not_look_where_the_user_stands(module: str, tmp_path: Path) -> None:
    done = run([*OUR_PYTHON, "-m", module, "--help"], set_trap(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


def test_no_process_of_ours_is_started_as_one_that_looks_there() -> None:
    """-P, -I, or a file run by its path with -I: but never a bare ``python -m``."""
    bare = re.compile(r"sys\.executable,\s*\"-m\"")
    sources = [path for folder in OUR_PACKAGES for path in folder.rglob("*.py")]
    assert len(sources) > 100
    assert [str(path) for path in sources if bare.search(path.read_text("utf-8"))] == []


def test_a_librarys_own_python_sees_its_packages_and_worker_child_alone(tmp_path: Path) -> None:
    environment, decoys = tmp_path / "venv", tmp_path / "decoys"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "look.py").write_text(LOOK)
    decoys.mkdir()
    (decoys / "decoy.py").write_text("raise RuntimeError('of the user')\n")

    python = environment / "bin" / "python"
    argv = [*interpreter(python), "-m", "look", "--adapter=one", "two"]
    done = run(argv, decoys, PYTHONPATH=str(decoys))

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "found": ["worker_child.emitter", "worker_child.adapters"],
        "words": ["--adapter=one", "two"],
        "name": "__main__",
    }
