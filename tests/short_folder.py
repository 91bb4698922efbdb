"""A folder with a short path: a server's socket, of at most 107 bytes, lies below it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def short_folder(mode: int = 0o711) -> Iterator[Path]:
    """Gone afterwards, whatever happens; with `mode` the server's own user can enter it."""
    with tempfile.TemporaryDirectory(prefix="cbt-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(mode)
        yield folder
