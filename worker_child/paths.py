"""Where things lie, on the child's side: the one module of `worker_child` that knows."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from typing import Final

from worker_child.files_digest import files_digest

PACKAGE: Final = Path(__file__).resolve().parent
IMPORT_ROOT: Final = PACKAGE.parent
"""The folder that `worker_child`, `orchestrator` and `analysis` are imported from: a checkout, or
the ``site-packages`` of whatever environment a wheel was installed into."""
IS_CHECKOUT: Final = all(
    (IMPORT_ROOT / name).exists() for name in ("pyproject.toml", "requirements.lock", "scenarios")
)
ADAPTERS: Final = PACKAGE / "adapters"
"""One folder a bundled library."""
TEMPLATES: Final = PACKAGE / "templates"
"""One folder a language: what a new adapter is copied from."""
LANG: Final = PACKAGE / "lang"
"""One folder a language: the twins of the Python child's runtime."""
BENCH_SQL: Final = PACKAGE / "bench.sql"
"""The jobs' own tables."""
ALONE: Final = PACKAGE / "alone.py"
"""Lets a Python of a library's own import `worker_child`, and nothing else of ours."""
OUR_PYTHON: Final = (sys.executable, "-P")
"""Begins the argv of a process of our own: a folder called ``analysis`` or ``orchestrator`` in the
folder where the user stands is not taken for ours (``-P``)."""
CACHE_VARIABLE: Final = "XDG_CACHE_HOME"


@cache
def built_root() -> Path:
    """Where ``crashbench adapters --build`` puts what a worker is started from, a folder a library.

    In a checkout it is ``.adapters``, which git does not keep; else the user's cache folder, by
    what a build may read: two versions of Crashbench do not undo each other's builds.
    """
    if IS_CHECKOUT:
        return IMPORT_ROOT / ".adapters"
    named = Path(os.environ.get(CACHE_VARIABLE, ""))
    # The base directory specification: a relative path is to be ignored.
    cache_folder = named if named.is_absolute() else Path("~/.cache").expanduser()
    return cache_folder.resolve() / "crashbench" / files_digest([PACKAGE])[:16]
