"""The wheel of this checkout, as somebody gets it who never sees the checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.toolchain import need_program, skip_or_fail

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("analysis", "orchestrator", "worker_child")
_SCENARIOS = "scenarios"
_SCENARIOS_IN_THE_WHEEL = "orchestrator/shipped_scenarios"
_BUILT_FROM = ("setup.py", "pyproject.toml", "README.md", "LICENSE", *PACKAGES, _SCENARIOS)
_LIMIT_S = 100.0


def files_of_the_checkout() -> list[str]:
    """What git knows or would take, below the folders that a wheel is built from."""
    git = need_program("git", "its list of files is what the wheel is held against")
    if not (ROOT / ".git").exists():
        skip_or_fail(f"{ROOT} is no checkout, so that nobody knows which files are ours")
    words = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *_BUILT_FROM)
    listed = subprocess.run([git, "-C", ROOT, *words], capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def place_in_the_wheel(name: str) -> str | None:
    """Where a file of the checkout lies in an installation; None = it does not go along."""
    folder, _, rest = name.partition("/")
    if folder == _SCENARIOS:
        return f"{_SCENARIOS_IN_THE_WHEEL}/{rest}"
    return name if folder in PACKAGES else None


def build(into: Path, *, kind: str = "wheel") -> Path:
    """Build a distribution (``wheel`` or ``sdist``) from a copy that holds nothing of a tool's."""
    copy = into / "copy"
    for name in files_of_the_checkout():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy / name)
    out = into / kind
    out.mkdir()
    # The backend's own hook, without a network: setuptools is among the pinned packages.
    hook = f"from setuptools import build_meta; build_meta.build_{kind}({str(out)!r})"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", hook],
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
    )
    assert done.returncode == 0, done.stderr
    (made,) = out.iterdir()
    return made
