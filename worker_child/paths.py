"""Where things lie, on the child's side: the one module of `worker_child` that knows."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).resolve().parent
IMPORT_ROOT: Final = PACKAGE.parent
"""The folder that `worker_child`, `orchestrator` and `analysis` are imported from."""
ADAPTERS: Final = PACKAGE / "adapters"
"""One folder a bundled library."""
TEMPLATES: Final = PACKAGE / "templates"
"""One folder a language: what a new adapter is copied from."""
LANG: Final = PACKAGE / "lang"
"""One folder a language: the twins of the Python child's runtime."""
BENCH_SQL: Final = PACKAGE / "bench.sql"
"""The jobs' own tables."""
BUILT: Final = IMPORT_ROOT / ".adapters"
"""Where `make adapters` puts what a library's worker is started from, one folder a library; git
does not keep it."""
