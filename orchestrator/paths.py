"""Where things lie, on the parent's side: the one module of `orchestrator` that knows."""

from __future__ import annotations

from typing import Final

from worker_child.paths import IMPORT_ROOT

ROOT: Final = IMPORT_ROOT
"""The checkout."""
PACKAGE: Final = ROOT / "orchestrator"
SCENARIOS: Final = ROOT / "scenarios"
"""The shipped scenarios; those of the controls and of conformance lie in folders of their own."""
