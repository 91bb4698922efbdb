"""Where things lie, on the parent's side: the one module of `orchestrator` that knows."""

from __future__ import annotations

from typing import Final

from worker_child.paths import IMPORT_ROOT, IS_CHECKOUT

ROOT: Final = IMPORT_ROOT
"""The checkout; where a wheel was installed, the folder that our packages lie in."""
PACKAGE: Final = ROOT / "orchestrator"
OUR_PACKAGES: Final = (PACKAGE, ROOT / "worker_child", ROOT / "analysis")
"""All code of ours that takes part in a run or in its verdict."""
SCENARIOS: Final = ROOT / "scenarios" if IS_CHECKOUT else PACKAGE / "shipped_scenarios"
"""The shipped scenarios; those of the controls and of conformance lie in folders of their own."""
