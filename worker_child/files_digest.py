"""One digest of all files in some folders: equal = the same files with the same content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

_MADE_BY_TOOLS = frozenset({"__pycache__", "node_modules"})


def files_digest(folders: Iterable[Path]) -> str:
    """SHA-256, 64 hex digits, of names and contents. A folder that is not there has no files.

    Where the folders lie takes no part, nor does what tools leave in them. Raises OSError.
    """
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            within = path.relative_to(folder)
            if path.is_file() and _MADE_BY_TOOLS.isdisjoint(within.parts):
                digest.update(f"\n{folder.name}/{within}\n".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()
