"""A folder of a user's in which folders happen to be called like our packages."""

from __future__ import annotations

from pathlib import Path

RAISED = "of the user"
"""What anybody says who has imported one of them."""


def set_trap(folder: Path) -> Path:
    """Put them there; returns the folder."""
    for name in ("analysis", "orchestrator", "worker_child"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(f"raise RuntimeError('{name} {RAISED}')\n")
    return folder
