"""How to call this very program from here: what is printed can be typed as it stands."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def crashbench_words() -> list[str]:
    """The name alone where the shell finds this installation by it (an active environment, pipx),
    else the path of its script, from here where it lies below."""
    script = Path(sys.executable).with_name("crashbench")
    if not script.exists():
        return [_from_here(Path(sys.executable)), "-m", "orchestrator"]
    found = shutil.which("crashbench")
    if found is not None and Path(found).samefile(script):
        return ["crashbench"]
    return [_from_here(script)]


def _from_here(program: Path) -> str:
    here = Path.cwd()
    return str(program.relative_to(here) if program.is_relative_to(here) else program)
